import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { formatMac } from "../../../core/addresses.ts";
import { LeaseStore } from "../../../relay/leases/lease-store.ts";
import { serverConfig } from "./support/server-config.ts";
import type { ServerProcessArgument } from "./support/server-process.ts";
import { WireClient } from "./support/wire-client.ts";
import { freeUdpPort } from "../../support/lab/free-port.ts";

const EXCHANGES = 1000;
const SIMULTANEOUS = 8;
const PROGRAM = new URL("support/server-process.ts", import.meta.url).pathname;

async function startServer(argument: ServerProcessArgument): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(argument)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout);
  await once(lines, "line");
  child.stdout.resume();
  return child;
}

it(
  "D15 random kill -9 loses no acknowledged lease and gives no address twice",
  { timeout: 300_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "pxedge-crash-"));
    const ports = { server: await freeUdpPort(), client: await freeUdpPort() };
    const argument: ServerProcessArgument = {
      interface: "lo",
      config: serverConfig({
        ranges: [["127.77.0.1", "127.77.15.254"]],
        leaseSeconds: 86_400,
        port: ports.server,
        clientPort: ports.client,
      }),
      leasesPath: join(folder, "leases.sqlite"),
    };
    const acknowledged = new Map<string, string>();
    const client = new WireClient(ports);
    let server = await startServer(argument);
    let kills = 0;
    let next = 0;
    const exchanges = async (): Promise<void> => {
      while (next < EXCHANGES) {
        const number = next++;
        const mac = formatMac(Uint8Array.of(2, 0, 0, 0, number >> 8, number & 0xff));
        acknowledged.set(mac, await client.lease(mac, "127.0.0.1"));
      }
    };
    const killing = async (): Promise<void> => {
      while (acknowledged.size < EXCHANGES) {
        const until = acknowledged.size + 1 + Math.floor(Math.random() * 40);
        while (acknowledged.size < Math.min(until, EXCHANGES)) await sleep(0);
        // Anywhere in the exchanges under way: read, committed, answered.
        await sleep(Math.random() * 3);
        const exited = once(server, "exit");
        server.kill("SIGKILL");
        await exited;
        kills += 1;
        server = await startServer(argument);
      }
    };
    try {
      await Promise.all([killing(), ...Array.from({ length: SIMULTANEOUS }, exchanges)]);
      expect(kills).toBeGreaterThan(20);
      expect(acknowledged.size).toBe(EXCHANGES);
      expect(new Set(acknowledged.values()).size).toBe(EXCHANGES);
      // A client that boots again gets what it was promised.
      for (const mac of [...acknowledged.keys()].slice(0, 20)) {
        expect(await client.lease(mac, "127.0.0.1")).toBe(acknowledged.get(mac));
      }
    } finally {
      server.kill("SIGKILL");
      await client.close();
    }
    const store = new LeaseStore({ path: argument.leasesPath, now: Date.now });
    for (const [mac, address] of acknowledged) expect(store.macByAddress(address)).toBe(mac);
    store.close();
    rmSync(folder, { recursive: true });
  },
);
