import { mkdirSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab } from "./network.ts";
import { waitFor } from "./wait.ts";

/** What a LAN without a relay tells its machines. */
export type HttpsLanOptions = {
  /** For dnsmasq's leases and its TFTP root. */
  readonly directory: string;
  /** The control plane's host name: machines reach it at `https://NAME/`. */
  readonly name: string;
  /** Where the control plane listens in the root namespace. */
  readonly port: number;
  /** What firmware that boots over TFTP loads. */
  readonly bootFile: string;
  /** What iPXE loads by DHCP, where it found no autoexec.ipxe. */
  readonly ipxeUrl: string;
};

const START_TIMEOUT_MS = 20_000;
const HTTPS_PORT = 443;

/** Hands connections on as they are, so that TLS is between the machine and the control plane. */
const FORWARDER = `
const { createServer, connect } = require("node:net");
const [listenHost, listenPort, host, port] = process.argv.slice(1);
createServer((from) => {
  const to = connect(Number(port), host);
  from.on("error", () => to.destroy());
  to.on("error", () => from.destroy());
  from.pipe(to).pipe(from);
}).listen(Number(listenPort), listenHost);
`;

/** A LAN as a router makes it: DHCP and DNS by dnsmasq, a way out to the control plane, and no relay. */
export async function startHttpsLan(lab: Lab, options: HttpsLanOptions): Promise<{ log: () => string }> {
  const tftpRoot = join(options.directory, "tftp");
  mkdirSync(tftpRoot, { recursive: true });
  await copyFile(options.bootFile, join(tftpRoot, "boot.efi"));
  const target = [lab.controlPlaneAddress, String(options.port)];
  const forwarder = await lab.spawn(process.execPath, [
    "-e",
    FORWARDER,
    lab.lanAddress,
    String(HTTPS_PORT),
    ...target,
  ]);
  const base = lab.lanAddress.replace(/\d+$/, "");
  const dnsmasq = await lab.spawn("dnsmasq", [
    "--conf-file=/dev/null",
    "--keep-in-foreground",
    "--user=root",
    "--log-facility=-",
    "--log-dhcp",
    "--log-queries",
    "--no-resolv",
    "--no-hosts",
    `--address=/${options.name}/${lab.lanAddress}`,
    `--interface=${lab.lanInterface}`,
    "--bind-interfaces",
    `--dhcp-leasefile=${options.directory}/leases`,
    "--dhcp-authoritative",
    `--dhcp-range=${base}50,${base}99,1h`,
    "--enable-tftp",
    `--tftp-root=${tftpRoot}`,
    "--dhcp-match=set:ipxe,175",
    "--dhcp-boot=tag:!ipxe,boot.efi",
    `--dhcp-boot=tag:ipxe,${options.ipxeUrl}`,
  ]);
  await waitFor(
    async () => {
      const listening = await lab.exec("ss", ["-H", "-l", "-n", "-t", "-u"]);
      return [`:${HTTPS_PORT} `, ":67 ", ":69 ", ":53 "].every((port) => listening.includes(port));
    },
    START_TIMEOUT_MS,
    () => `the LAN does not listen: ${forwarder.output()}${dnsmasq.output()}`,
  );
  return { log: () => dnsmasq.output() };
}
