import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { BootEventInput } from "../../../core/relay-protocol/events.ts";
import { run, startChild, type Child } from "../../support/lab/child.ts";
import { createLab, type Lab } from "../../support/lab/network.ts";
import { waitFor } from "../../support/lab/wait.ts";
import { missingNeed } from "../net/needs.ts";
import { serverConfig } from "./support/server-config.ts";
import type { ServerProcessArgument } from "./support/server-process.ts";

const UDHCPC = "/usr/sbin/udhcpc";
const DHCLIENT = "/usr/sbin/dhclient";
const PROGRAM = new URL("support/server-process.ts", import.meta.url).pathname;
const CLIENT_NAMESPACE = `pxclient-${process.pid}`;
const MAC = "02:00:00:00:77:01";

/** Sets and clears the address as both clients' scripts do, and notes what it was told. */
const CLIENT_SCRIPT = `#!/bin/sh
# dhclient says reason= and new_*; udhcpc says $1 and bare names.
event="\${reason:-$1}"
address="\${new_ip_address:-$ip}"
router="\${new_routers:-$router}"
dns="\${new_domain_name_servers:-$dns}"
echo "$event $address $router $dns" >> "$SCRIPT_LOG"
case "$event" in
  BOUND|RENEW|REBIND|REBOOT|bound|renew) ip address replace "$address/24" dev eth0 ;;
  deconfig|RELEASE|EXPIRE|FAIL|STOP) ip address flush dev eth0 ;;
esac
exit 0
`;

const lack = missingNeed({ root: true, programs: ["/usr/sbin/ip", UDHCPC, DHCLIENT] });

describe.skipIf(lack !== undefined)(
  `real DHCP clients${lack === undefined ? "" : ` (skipped: ${lack})`}`,
  () => {
    let lab: Lab;
    let folder: string;
    let server: Child;

    const inClient = (command: string, args: readonly string[]): Promise<Child> =>
      startChild("ip", ["netns", "exec", CLIENT_NAMESPACE, command, ...args], {
        env: { ...process.env, SCRIPT_LOG: join(folder, "script.log") },
        stdio: ["ignore", "pipe", "pipe"],
      });
    /** The server's events so far. */
    const events = (): BootEventInput[] =>
      server
        .output()
        .split("\n")
        .filter((line) => line.startsWith('{"mac"'))
        .map((line) => JSON.parse(line) as BootEventInput);
    const count = (name: string): number => events().filter((event) => event.name === name).length;
    const reached = (name: string, times: number): Promise<boolean> =>
      waitFor(
        () => count(name) >= times,
        15_000,
        () => `no ${times} × ${name}:\n${server.output()}`,
      );
    const scriptLog = (): string => readFileSync(join(folder, "script.log"), "utf8");
    /** The client may be a moment behind the server. */
    const noted = (pattern: RegExp): Promise<boolean> =>
      waitFor(
        () => pattern.test(scriptLog()),
        15_000,
        () => `the client did not note ${pattern}:\n${scriptLog()}`,
      );

    beforeAll(async () => {
      lab = await createLab();
      await run("ip", ["netns", "add", CLIENT_NAMESPACE]);
      await lab.exec("ip", [
        "link",
        "add",
        "client0",
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        CLIENT_NAMESPACE,
      ]);
      await lab.exec("ip", ["link", "set", "client0", "master", lab.lanInterface, "up"]);
      await run("ip", ["-n", CLIENT_NAMESPACE, "link", "set", "eth0", "address", MAC, "up"]);
    });

    afterAll(async () => {
      await run("ip", ["netns", "delete", CLIENT_NAMESPACE]);
      await lab.close();
    });

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), "pxedge-clients-"));
      writeFileSync(join(folder, "script.log"), "");
      writeFileSync(join(folder, "script"), CLIENT_SCRIPT);
      chmodSync(join(folder, "script"), 0o755);
      const argument: ServerProcessArgument = {
        interface: lab.lanInterface,
        config: serverConfig({
          ranges: [["192.168.77.50", "192.168.77.51"]],
          router: lab.lanAddress,
          dns: ["192.168.77.2"],
          leaseSeconds: 8,
        }),
        leasesPath: join(folder, "leases.sqlite"),
      };
      server = await lab.spawn(process.execPath, [PROGRAM, JSON.stringify(argument)]);
      await waitFor(
        () => server.output().includes('"ready"'),
        10_000,
        () => `not ready:\n${server.output()}`,
      );
      return async () => {
        await server.stop();
        await run("ip", ["-n", CLIENT_NAMESPACE, "address", "flush", "dev", "eth0"]);
        rmSync(folder, { recursive: true });
      };
    });

    it("udhcpc leases, renews and releases", { timeout: 60_000 }, async () => {
      const client = await inClient(UDHCPC, ["-f", "-i", "eth0", "-s", join(folder, "script")]);
      try {
        await reached("acknowledged", 1);
        // A signal before the client has taken its lease would be lost.
        await noted(/^bound /m);
        client.process.kill("SIGUSR1");
        await reached("acknowledged", 2);
        await noted(/^renew /m);
        client.process.kill("SIGUSR2");
        await reached("released", 1);
      } finally {
        await client.stop();
      }
      expect(scriptLog()).toMatch(/^bound 192\.168\.77\.50 192\.168\.77\.1 192\.168\.77\.2$/m);
      expect(scriptLog()).toMatch(/^renew 192\.168\.77\.50 /m);
      expect(events().map(({ mac }) => mac)).toEqual(events().map(() => MAC));
      expect(count("refused")).toBe(0);
    });

    const startDhclient = (mode: "-d" | "-r" = "-d", settings = ""): Promise<Child> => {
      writeFileSync(join(folder, "dhclient.conf"), `timeout 10; ${settings}\n`);
      const files = ["-sf", "script", "-lf", "leases", "-pf", "pid", "-cf", "dhclient.conf"].map((arg) =>
        arg.startsWith("-") ? arg : join(folder, arg),
      );
      const env = ["-e", `SCRIPT_LOG=${join(folder, "script.log")}`];
      return inClient(DHCLIENT, [mode, "-v", ...env, ...files, "eth0"]);
    };
    /** The server goes on at another address: what is sent to the one it had is lost, broadcasts are not. */
    const cutUnicast = async (): Promise<void> => {
      const move = async (from: string, to: string): Promise<void> => {
        await lab.exec("ip", ["address", "delete", `${from}/24`, "dev", lab.lanInterface]);
        await lab.exec("ip", ["address", "add", `${to}/24`, "dev", lab.lanInterface]);
      };
      await move(lab.lanAddress, "192.168.77.9");
      onTestFinished(() => move("192.168.77.9", lab.lanAddress));
    };

    it("D6 udhcpc rebinds when its renewals do not get through", { timeout: 90_000 }, async () => {
      const client = await inClient(UDHCPC, ["-f", "-i", "eth0", "-s", join(folder, "script")]);
      try {
        await noted(/^bound /m);
        await cutUnicast();
        await waitFor(
          () => count("acknowledged") >= 2,
          60_000,
          () => `not rebound:\n${client.output()}\n${server.output()}`,
        );
        await noted(/^renew 192\.168\.77\.50 /m);
      } finally {
        await client.stop();
      }
      expect(count("offered")).toBe(1);
    });

    it("D6 dhclient rebinds when its renewals do not get through", { timeout: 60_000 }, async () => {
      // Between T1 (4 s) and the lease's end it must ask more than once.
      const client = await startDhclient("-d", "initial-interval 1; backoff-cutoff 1;");
      try {
        await noted(/^BOUND /m);
        await cutUnicast();
        await reached("acknowledged", 2);
        await noted(/^RENEW 192\.168\.77\.50 /m);
        // It calls it RENEW all the same; whom it asked tells.
        expect(client.output()).toMatch(
          /DHCPREQUEST .* to 192\.168\.77\.1 port 67[^]*DHCPREQUEST .* to 255\.255\.255\.255 port 67[^]*DHCPACK/,
        );
      } finally {
        await client.stop();
      }
      expect(scriptLog()).not.toContain("EXPIRE");
    });

    it(
      "dhclient leases, renews by itself, comes back to its address and releases",
      { timeout: 60_000 },
      async () => {
        const client = await startDhclient();
        try {
          await reached("acknowledged", 2);
          await noted(/^RENEW 192\.168\.77\.50 /m);
        } finally {
          await client.stop();
        }
        expect(count("offered")).toBe(1);

        // INIT-REBOOT: it remembers the lease.
        const again = await startDhclient();
        try {
          await reached("acknowledged", 3);
          await noted(/^REBOOT 192\.168\.77\.50 /m);
        } finally {
          await again.stop();
        }
        expect(count("offered")).toBe(1);

        const release = await startDhclient("-r");
        await release.exited;
        await reached("released", 1);
        expect(scriptLog()).toMatch(/^BOUND 192\.168\.77\.50 192\.168\.77\.1 192\.168\.77\.2$/m);
        expect(count("refused")).toBe(0);
      },
    );
  },
);
