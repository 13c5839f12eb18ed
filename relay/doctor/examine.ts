import { loadRelayConfig } from "../config/parse.ts";
import type { RelayConfig } from "../config/model.ts";
import { checkBootFiles } from "./boot-files.ts";
import { checkControlPlane } from "./control-plane.ts";
import { problemOf, ok, type Finding } from "./finding.ts";
import { checkFirewall, type ServicePort } from "./firewall.ts";
import { checkAdminPort, checkInterface } from "./interfaces.ts";
import { checkStateDir } from "./state-dir.ts";

/**
 * Looks at everything that a relay needs, and at the usual causes of "it does
 * not boot". Changes nothing; may run beside the relay. One DHCPDISCOVER is
 * broadcast on each interface with DHCP, and nothing that is offered is taken.
 */
export async function* examine(
  configFile: string,
  { now, random32 }: { readonly now: () => number; readonly random32: () => number },
): AsyncGenerator<Finding> {
  let config: RelayConfig;
  try {
    config = await loadRelayConfig(configFile);
    yield ok("configuration", `${configFile} is valid`);
  } catch (error) {
    yield problemOf("configuration", error);
    return;
  }
  const { findings, relayRuns } = await checkStateDir(config.stateDir);
  yield* findings;
  const controlPlane = await checkControlPlane(config.controlPlane.url, config.stateDir, now);
  yield* controlPlane.findings;
  yield* await checkBootFiles(config.tftp.root, {
    ...config.bootFiles,
    ...controlPlane.state?.site.bootFiles,
  });
  for (const each of config.interfaces) {
    yield* await checkInterface(each, { config, relayRuns, xid: random32() });
  }
  if (!relayRuns) yield await checkAdminPort(config.admin);
  yield* await checkFirewall(
    config.interfaces.map(({ name }) => name),
    servicePorts(config),
  );
}

function servicePorts({ interfaces, tftp, http }: RelayConfig): ServicePort[] {
  const dhcp = interfaces.flatMap(({ dhcp }): number[] => {
    if (dhcp.mode === "off" || dhcp.mode === "refused") return [];
    return dhcp.mode === "server" ? [dhcp.port] : [dhcp.port, dhcp.bootPort];
  });
  return [
    ...[...new Set([...dhcp, tftp.port])].map((port): ServicePort => ({ protocol: "udp", port })),
    { protocol: "tcp", port: http.port },
  ];
}
