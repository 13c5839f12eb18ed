import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "../../test/support/lab/child.ts";
import { waitFor } from "../../test/support/lab/wait.ts";
import type { Link } from "./link.ts";

/** A DHCP server to measure. */
export type MeasuredServer = {
  readonly name: string;
  /** The least load worth offering, in exchanges a second. */
  readonly startRate: number;
  readonly command: (link: Link, directory: string) => readonly string[];
  /** What it says once it answers; `null`: nothing. */
  readonly readyText: string | null;
  /** Let it fill its stock of probed addresses first. */
  readonly warmUpMs: number;
};

const OURS = fileURLToPath(new URL("our-server.ts", import.meta.url));

export const SERVERS: readonly MeasuredServer[] = [
  {
    name: "pxedge",
    startRate: 2000,
    command: (link, directory) => [
      process.execPath,
      OURS,
      link.serverInterface,
      ...link.range,
      join(directory, "leases.db"),
    ],
    readyText: "ready",
    warmUpMs: 5000,
  },
  {
    name: "kea",
    startRate: 2000,
    command: (link, directory) => {
      const file = write(directory, "kea.json", keaConfig(link, directory));
      return [
        "env",
        `KEA_PIDFILE_DIR=${directory}`,
        `KEA_LOCKFILE_DIR=${directory}`,
        "kea-dhcp4",
        "-c",
        file,
      ];
    },
    readyText: "DHCP4_STARTED",
    warmUpMs: 0,
  },
  {
    name: "dnsmasq",
    startRate: 100,
    command: (link, directory) => [
      ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root"],
      ...[`--interface=${link.serverInterface}`, "--dhcp-lease-max=100000", "--no-ping"],
      `--dhcp-range=${link.range.join(",")},${link.netmask},1h`,
      ...[`--dhcp-leasefile=${join(directory, "leases")}`, "--log-facility=-", "--quiet-dhcp"],
    ],
    readyText: "DHCP, IP range",
    warmUpMs: 0,
  },
  {
    name: "dhcpd",
    startRate: 250,
    command: (link, directory) => {
      const leases = write(directory, "dhcpd.leases", "");
      const config = write(
        directory,
        "dhcpd.conf",
        `default-lease-time 3600; authoritative; ping-check false;
subnet ${link.network} netmask ${link.netmask} { range ${link.range.join(" ")}; }\n`,
      );
      return [
        ...["dhcpd", "-4", "-f", "-d", "-cf", config, "-lf", leases],
        ...["-pf", join(directory, "dhcpd.pid"), link.serverInterface],
      ];
    },
    readyText: "Server starting service",
    warmUpMs: 0,
  },
];

/** A server under measurement. */
export type RunningServer = {
  /** Seconds of processor time that it has taken so far, all threads together. */
  readonly cpuSeconds: () => number;
  /** What it has to say of itself. */
  readonly report?: () => Promise<string>;
  readonly stop: () => Promise<void>;
};

export async function startServer(
  server: MeasuredServer,
  link: Link,
  directory: string,
): Promise<RunningServer> {
  mkdirSync(directory, { recursive: true });
  const child = await startChild("ip", [
    ...["netns", "exec", link.serverNamespace],
    ...server.command(link, directory),
  ]);
  const { readyText } = server;
  if (readyText !== null) {
    await waitFor(
      () => child.output().includes(readyText),
      20_000,
      () => `${server.name} did not start:\n${child.output()}`,
    );
  }
  await new Promise((resolve) => setTimeout(resolve, server.warmUpMs));
  return {
    cpuSeconds: () => cpuSeconds(child.pid),
    ...(server.name === "pxedge" && { report: () => ownReport(child) }),
    stop: () => child.stop(),
  };
}

/** Fields 14 and 15 of /proc/PID/stat, in hundredths of a second (proc(5)); the name in field 2 may hold blanks. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function ownReport(child: Child): Promise<string> {
  const before = child.output().length;
  child.process.kill("SIGUSR2");
  await waitFor(
    () => child.output().length > before,
    5000,
    () => "no report",
  );
  return child.output().slice(before).trim();
}

/** Leases in its fastest durable store, on two threads, as it is set up for speed. */
function keaConfig(link: Link, directory: string): string {
  return JSON.stringify({
    Dhcp4: {
      "interfaces-config": { interfaces: [link.serverInterface], "dhcp-socket-type": "udp" },
      "multi-threading": { "enable-multi-threading": true },
      "lease-database": {
        type: "memfile",
        persist: true,
        name: join(directory, "kea.csv"),
        "lfc-interval": 0,
      },
      "valid-lifetime": 3600,
      subnet4: [{ subnet: `${link.network}/16`, pools: [{ pool: link.range.join(" - ") }] }],
      loggers: [
        { name: "kea-dhcp4", output_options: [{ output: "stdout" }], severity: "INFO" },
        { name: "kea-dhcp4.leases", output_options: [{ output: "stdout" }], severity: "ERROR" },
        { name: "kea-dhcp4.packets", output_options: [{ output: "stdout" }], severity: "ERROR" },
      ],
    },
  });
}

function write(directory: string, name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}
