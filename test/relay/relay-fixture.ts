import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { onTestFinished } from "vitest";

import type { RelayState } from "../../core/relay-protocol/state.ts";
import type { RelayConfig } from "../../relay/config/model.ts";
import { parseRelayConfig } from "../../relay/config/parse.ts";
import { writeCredentials } from "../../relay/control-plane/credentials.ts";
import { startRelay, type Relay, type RelayOptions } from "../../relay/relay.ts";
import { startFakeControlPlane } from "./control-plane/fixture.ts";
import { SITE, state } from "./control-plane/site-state.ts";
import { freePort } from "../support/lab/free-port.ts";

/** The text of a configuration for loopback, in a folder of its own with a boot file `snponly.efi`. */
async function writeConfig(url: string, joined = true): Promise<{ dir: string; text: string }> {
  const dir = await mkdtemp(join(tmpdir(), "pxedge-relay-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  await writeFile(join(dir, "snponly.efi"), "a boot file");
  if (joined) await writeCredentials(dir, { url, siteId: SITE.id, relayId: "r1", credential: "pxr_x" });
  const [http, tftp, dhcp, client] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const text = `controlPlane: { url: "${url}" }
stateDir: ${dir}
interfaces:
  - name: lo
    dhcp: { mode: server, range: [127.77.0.50, 127.77.0.99], port: ${dhcp}, clientPort: ${client} }
tftp: { root: ${dir}, port: ${tftp} }
http: { port: ${http} }
admin: { port: ${await freePort()} }
`;
  return { dir, text };
}

export async function configure(url: string, joined = true): Promise<RelayConfig> {
  return parseRelayConfig((await writeConfig(url, joined)).text, "relay.yaml");
}

/** Starts a relay that the test's end stops. */
export async function start(config: RelayConfig, options: Partial<RelayOptions> = {}): Promise<Relay> {
  const relay = await startRelay({ config, log: pino({ level: "silent" }), ...options });
  onTestFinished(() => relay.stop());
  return relay;
}

/** A fake control plane that knows a site and takes events. */
export async function startFakeSite(site: Partial<RelayState["site"]> = {}) {
  return startFakeControlPlane(({ url }) => {
    if (url.startsWith("/relay/v1/state")) return { body: state({ site: { ...SITE, ...site } }) };
    if (url === "/relay/v1/events") return { body: { accepted: 1, rejected: [] } };
    return { body: "#!ipxe\n" };
  });
}

/** Where a relay on loopback answers machines. */
export function urlOf(relay: Relay): string {
  const { address, port } = relay.http[0]!;
  return `http://${address}:${port}`;
}
