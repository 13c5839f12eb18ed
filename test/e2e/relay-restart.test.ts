import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

import type { BootEvent } from "../../core/relay-protocol/events.ts";
import { writeCredentials } from "../../relay/control-plane/credentials.ts";
import { LeaseStore } from "../../relay/leases/lease-store.ts";
import { SITE, state } from "../relay/control-plane/site-state.ts";
import { missingNeed } from "../relay/net/needs.ts";
import type { Child } from "../support/lab/child.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { waitFor } from "../support/lab/wait.ts";
import { addHost } from "./dhcp-lan.ts";

const PXEDGE = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const need = missingNeed({ root: true, programs: ["/usr/sbin/perfdhcp"] });
const START_MS = 60_000;

/** Takes a relay's events, outside of the lab's network. */
async function startControlPlane(address: string) {
  const events = new Map<string, BootEvent>();
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      if (request.url !== "/relay/v1/events") return response.end(JSON.stringify(state({})));
      for (const event of JSON.parse(body) as BootEvent[]) events.set(event.id, event);
      return response.end(JSON.stringify({ accepted: events.size, rejected: [] }));
    });
  });
  server.listen(0, address);
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const acknowledged = (): { mac: string; address: string }[] =>
    [...events.values()].flatMap(({ mac, name, detail }) =>
      name === "acknowledged" ? [{ mac: mac!, address: String(detail["address"]) }] : [],
    );
  return { url: `http://${address}:${(server.address() as AddressInfo).port}`, acknowledged };
}

async function startRelay(lab: Lab, config: string): Promise<Child> {
  const relay = await lab.spawn(process.execPath, [PXEDGE, "relay", "run", "--config", config]);
  await waitFor(
    () => relay.output().includes("the relay runs"),
    START_MS,
    () => `the relay does not run:\n${relay.output()}`,
  );
  return relay;
}

async function terminate(relay: Child): Promise<void> {
  relay.process.kill("SIGTERM");
  expect(await relay.exited, relay.output()).toMatchObject({ code: 0 });
}

/** ACKs that perfdhcp received: its second exchange is REQUEST-ACK. */
function acksOf(output: string): number {
  return Number([...output.matchAll(/received packets: (\d+)/g)][1]?.[1] ?? 0);
}

test.skipIf(need !== undefined)(
  "a relay that is restarted under load loses no acknowledged lease and no event, and clients retry to success",
  async () => {
    const lab = await createLab();
    onTestFinished(() => lab.close());
    const plane = await startControlPlane(lab.controlPlaneAddress);
    const stateDir = mkdtempSync(join(tmpdir(), "pxedge-restart-"));
    onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }));
    await writeCredentials(stateDir, { url: plane.url, siteId: SITE.id, relayId: "r1", credential: "pxr_x" });
    const config = join(stateDir, "relay.yaml");
    writeFileSync(
      config,
      `controlPlane: { url: "${plane.url}" }
stateDir: ${stateDir}
interfaces:
  - name: ${lab.lanInterface}
    dhcp: { mode: server, range: [192.168.77.20, 192.168.77.249] }
tftp: { root: ${stateDir} }
`,
    );
    const host = await addHost(lab, { mac: "02:00:00:00:00:05", address: "192.168.77.5/24" });
    onTestFinished(() => host.close());
    const perfdhcp = (...args: string[]): Promise<Child> =>
      host.spawn("perfdhcp", ["-4", "-l", host.interface, ...args, lab.lanAddress]);

    let relay = await startRelay(lab, config);
    const load = await perfdhcp("-r", "15", "-R", "150", "-p", "10", "-W", "1000000");
    await waitFor(
      () => plane.acknowledged().length >= 20,
      30_000,
      () => `no leases:\n${relay.output()}\n${load.output()}`,
    );
    await terminate(relay);
    const before = plane.acknowledged().length;
    relay = await startRelay(lab, config);
    await load.exited;
    const received = acksOf(load.output());
    expect(received, load.output()).toBeGreaterThanOrEqual(20);

    // Clients that come while there is no relay ask until there is one.
    await terminate(relay);
    const clients = await perfdhcp("--scenario", "avalanche", "-R", "40", "-b", "mac=02:aa:00:00:00:00");
    relay = await startRelay(lab, config);
    expect(await clients.exited, clients.output()).toMatchObject({ code: 0 });
    expect(acksOf(clients.output()), clients.output()).toBe(40);
    await terminate(relay);
    relay = await startRelay(lab, config);

    // Whatever was acknowledged on the wire was told, also of before and between the restarts.
    await waitFor(
      () => plane.acknowledged().length >= received + 40,
      30_000,
      () => `${plane.acknowledged().length} of ${received + 40} ACKs were told; ${before} before the restart`,
    );
    await terminate(relay);
    const leases = new LeaseStore({ path: join(stateDir, "leases.db"), now: Date.now });
    const told = plane.acknowledged();
    for (const { mac, address } of told) expect(leases.macByAddress(address)).toBe(mac);
    expect(new Set(told.map(({ address }) => address)).size).toBe(new Set(told.map(({ mac }) => mac)).size);
    leases.close();
  },
);
