import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { InterfaceConfig, RelayConfig } from "../config/model.ts";
import { findOtherServers } from "../dhcp/other-servers.ts";
import { openDeviceSocket } from "../net/device-socket.ts";
import { readInterface, type InterfaceInfo } from "../net/interfaces.ts";
import { ok, problem, problemOf, warning, type Finding } from "./finding.ts";

/** Longer than the relay's own look for other servers takes. */
const RELAY_ASKS_MS = 6_000;

/** What a check of an interface's ports must know of the relay itself. */
export type InterfaceCheckOptions = {
  readonly config: RelayConfig;
  /** Then it is the relay that holds the ports. */
  readonly relayRuns: boolean;
  /** Any 32 bits. */
  readonly xid: number;
};

/** One interface: there, with an address, its ports free or ours, and who else answers DHCP on it. */
export async function checkInterface(
  { name, dhcp }: InterfaceConfig,
  { config, relayRuns, xid }: InterfaceCheckOptions,
): Promise<Finding[]> {
  const check = `interface ${name}`;
  let info: InterfaceInfo;
  try {
    info = readInterface(name);
  } catch (error) {
    return [problemOf(check, error)];
  }
  const findings = [ok(check, `${info.address}, ${info.mac}, MTU ${info.mtu}`)];
  if (dhcp.mode === "refused") {
    findings.push(
      ...dhcp.problems.map((sentence) =>
        problem(`DHCP on ${name}`, sentence, "mend relay.yaml: no DHCP is answered on this interface"),
      ),
    );
  }
  if (!relayRuns) {
    const datagram = [
      config.tftp.port,
      ...(dhcp.mode === "off" || dhcp.mode === "refused" ? [] : [dhcp.port]),
      ...("bootPort" in dhcp ? [dhcp.bootPort] : []),
    ];
    for (const port of datagram) findings.push(checkUdpPort(name, port));
    findings.push(await checkTcpPort(info, config.http.port));
  }
  if (dhcp.mode !== "off" && dhcp.mode !== "refused") {
    findings.push(await checkOtherServers(info, dhcp, { relayRuns, xid }));
  }
  return findings;
}

function checkUdpPort(device: string, port: number): Finding {
  const check = `UDP port ${port} on ${device}`;
  try {
    openDeviceSocket({ device, port }).close();
    return ok(check, "is free");
  } catch (error) {
    return problemOf(check, error);
  }
}

async function checkTcpPort({ name, address }: InterfaceInfo, port: number): Promise<Finding> {
  const check = `TCP port ${port} on ${name}`;
  const error = await whyTaken(address, port);
  if (error === undefined) return ok(check, "is free");
  return error.code === "EADDRINUSE"
    ? problem(
        check,
        "is taken by another process",
        `find it by \`ss -ltnp sport = :${port}\`, or set http.port`,
      )
    : problem(check, `cannot be used (${error.code})`, "run the relay as root, or with CAP_NET_BIND_SERVICE");
}

/** Where health, status and metrics are told: machines are served without it. */
export async function checkAdminPort({ address, port }: RelayConfig["admin"]): Promise<Finding> {
  const check = `TCP port ${port} on ${address}`;
  const error = await whyTaken(address, port);
  if (error === undefined) return ok(check, "is free");
  const advice = `find who has it by \`ss -ltnp sport = :${port}\`, or set admin.port`;
  return warning(check, `metrics, health and status cannot be told there (${error.code})`, advice);
}

async function whyTaken(address: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

async function checkOtherServers(
  info: InterfaceInfo,
  dhcp: { readonly mode: "server" | "proxy" | "auto"; readonly port: number; readonly clientPort: number },
  { relayRuns, xid }: Pick<InterfaceCheckOptions, "relayRuns" | "xid">,
): Promise<Finding> {
  const check = `other DHCP servers on ${info.name}`;
  const { port, clientPort } = dhcp;
  try {
    const own = [info.address, ...info.others.map(({ address }) => address)];
    const ask = async () => await findOtherServers({ interface: info, port, clientPort, own, xid });
    let answer = await ask();
    if (answer.kind === "client-port-taken" && relayRuns) {
      // The relay asks the same from time to time.
      await sleep(RELAY_ASKS_MS);
      answer = await ask();
    }
    if (answer.kind === "client-port-taken") {
      const advice =
        "stop the DHCP client on this interface for the test, or give the interface a fixed address";
      return warning(check, `cannot be told: something listens on UDP port ${clientPort}`, advice);
    }
    const { servers } = answer;
    if (servers.length === 0) {
      return dhcp.mode === "server"
        ? ok(check, "none answers")
        : warning(
            check,
            "none answers, and the relay gives no addresses itself",
            "start the site's DHCP server, or set `mode: server`",
          );
    }
    const list = servers.join(", ");
    return dhcp.mode === "server"
      ? problem(
          check,
          `${list} answers as well`,
          "switch it off, or set `mode: proxy` and let it give the addresses",
        )
      : ok(check, `${list} gives the addresses`);
  } catch (error) {
    return problemOf(check, error);
  }
}
