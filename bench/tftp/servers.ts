import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startChild, type Child } from "../../test/support/lab/child.ts";
import { waitFor } from "../../test/support/lab/wait.ts";

/** A TFTP server to measure. */
export type MeasuredServer = {
  readonly name: string;
  readonly program: string;
  readonly args: (address: string, port: number, folder: string) => readonly string[];
};

const OURS = fileURLToPath(new URL("our-server.ts", import.meta.url));

export const SERVERS: readonly MeasuredServer[] = [
  {
    name: "pxedge",
    program: process.execPath,
    args: (address, port, folder) => [OURS, address, `${port}`, folder],
  },
  {
    name: "tftpd-hpa",
    program: "/usr/sbin/in.tftpd",
    args: (address, port, folder) => ["-L", "-u", "root", "-a", `${address}:${port}`, "-s", folder],
  },
  {
    name: "dnsmasq",
    program: "/usr/sbin/dnsmasq",
    args: (address, port, folder) => [
      ...["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--log-facility=-"],
      ...["--enable-tftp", `--tftp-root=${folder}`, "--tftp-max=512", "--bind-interfaces"],
      ...[`--listen-address=${address}`, "--pid-file"],
    ],
  },
  {
    // Knows windowsize, and cannot be installed beside tftpd-hpa: `dpkg -x` it, and name it here.
    name: "atftpd",
    program: process.env["ATFTPD"] ?? "/usr/sbin/atftpd",
    args: (address, port, folder) => [
      ...["--daemon", "--no-fork", "--user", "root.root", "--verbose=3", "--logfile", "/dev/stdout"],
      ...["--port", `${port}`, "--bind-address", address, folder],
    ],
  },
];

export function isInstalled(server: MeasuredServer): boolean {
  return existsSync(server.program);
}

/** Starts a server in a network namespace and waits until it listens on `port`. */
export async function startServer(
  server: MeasuredServer,
  namespace: string,
  address: string,
  port: number,
  folder: string,
): Promise<Child> {
  const child = await startChild("ip", [
    ...["netns", "exec", namespace, server.program],
    ...server.args(address, port, folder),
  ]);
  await waitFor(
    () => listens(child.pid, port),
    20_000,
    () => `${server.name} did not start:\n${child.output()}`,
  );
  return child;
}

/** Whether a UDP socket of the process's network is bound to the port. */
function listens(pid: number, port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return readFileSync(`/proc/${pid}/net/udp`, "utf8")
    .split("\n")
    .some((line) => line.trim().split(/\s+/)[1]?.endsWith(`:${hex}`));
}
