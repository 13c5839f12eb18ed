import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitFor } from "./wait.ts";
import type { Lab } from "./network.ts";

/** Where fetch-ipxe.sh puts the boot files of a newer Debian. */
export const FETCHED_IPXE = fileURLToPath(new URL("../../../.lab/ipxe", import.meta.url));
/** Boot files of this machine's own Debian. */
export const INSTALLED_IPXE = "/usr/lib/ipxe";

export type ReferenceBootServerOptions = {
  /** Its configuration, its TFTP root (`tftp/`) and its HTTP root (`http/`); made when it is not there. */
  readonly directory: string;
  /** What iPXE runs: `/boot.ipxe`. */
  readonly script: string;
};

export type ReferenceBootServer = {
  /** Of nginx, e.g. `http://192.168.77.1:8081`; serves what is put under `http/`. */
  readonly url: string;
  /** dnsmasq's log: who asked for what. */
  readonly log: () => string;
  readonly stop: () => Promise<void>;
};

/** Boot files come from the first of these that has them. */
const BOOT_FILE_FOLDERS = [FETCHED_IPXE, INSTALLED_IPXE];
const HTTP_PORT = 8081;
const START_TIMEOUT_MS = 20_000;
const BOOT_FILES = { bios: "undionly.kpxe", efiX86: "snponly.efi", efiArm64: "ipxe-arm64.efi" };

/** The peer that pxedge is compared with, and a known good one: dnsmasq for DHCP and TFTP, nginx for HTTP. */
export async function startReferenceBootServer(
  lab: Lab,
  options: ReferenceBootServerOptions,
): Promise<ReferenceBootServer> {
  const tftpRoot = join(options.directory, "tftp");
  const httpRoot = join(options.directory, "http");
  mkdirSync(tftpRoot, { recursive: true });
  mkdirSync(httpRoot, { recursive: true });
  for (const file of Object.values(BOOT_FILES)) {
    const folder = BOOT_FILE_FOLDERS.find((candidate) => existsSync(join(candidate, file)));
    if (folder !== undefined) copyFileSync(join(folder, file), join(tftpRoot, file));
  }
  writeFileSync(join(httpRoot, "boot.ipxe"), options.script);
  const nginxConfig = join(options.directory, "nginx.conf");
  writeFileSync(nginxConfig, formatNginxConfig(lab, options.directory, httpRoot));

  const url = `http://${lab.lanAddress}:${HTTP_PORT}`;
  const nginx = await lab.spawn("nginx", ["-p", options.directory, "-c", nginxConfig]);
  const dnsmasq = await lab.spawn(
    "dnsmasq",
    dnsmasqArguments(lab, options.directory, tftpRoot, `${url}/boot.ipxe`),
  );
  await waitFor(
    async () => {
      const listening = await lab.exec("ss", ["-H", "-l", "-n", "-t", "-u"]);
      return [`:${HTTP_PORT} `, ":67 ", ":69 "].every((port) => listening.includes(port));
    },
    START_TIMEOUT_MS,
    () => `reference boot server does not listen: ${nginx.output()}${dnsmasq.output()}`,
  );
  return {
    url,
    log: () => dnsmasq.output(),
    stop: async () => {
      await Promise.all([nginx.stop(), dnsmasq.stop()]);
    },
  };
}

function dnsmasqArguments(
  lab: Lab,
  directory: string,
  tftpRoot: string,
  scriptUrl: string,
): readonly string[] {
  const base = lab.lanAddress.replace(/\d+$/, "");
  return [
    "--conf-file=/dev/null",
    "--keep-in-foreground",
    "--user=root",
    "--log-facility=-",
    "--log-dhcp",
    // No DNS of its own; an installer is content with the address of a name server.
    "--port=0",
    `--dhcp-option=option:dns-server,${lab.lanAddress}`,
    `--interface=${lab.lanInterface}`,
    "--bind-interfaces",
    `--dhcp-leasefile=${directory}/leases`,
    "--dhcp-authoritative",
    `--dhcp-range=${base}50,${base}99,1h`,
    "--enable-tftp",
    `--tftp-root=${tftpRoot}`,
    "--dhcp-match=set:ipxe,175",
    "--dhcp-match=set:bios,option:client-arch,0",
    "--dhcp-match=set:efi-x86,option:client-arch,7",
    "--dhcp-match=set:efi-x86,option:client-arch,9",
    "--dhcp-match=set:efi-arm64,option:client-arch,11",
    `--dhcp-boot=tag:!ipxe,tag:bios,${BOOT_FILES.bios}`,
    `--dhcp-boot=tag:!ipxe,tag:efi-x86,${BOOT_FILES.efiX86}`,
    `--dhcp-boot=tag:!ipxe,tag:efi-arm64,${BOOT_FILES.efiArm64}`,
    `--dhcp-boot=tag:ipxe,${scriptUrl}`,
  ];
}

function formatNginxConfig(lab: Lab, directory: string, root: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `  ${kind}_temp_path ${directory}/nginx-${kind};`)
    .join("\n");
  return `user root;
daemon off;
worker_processes 1;
error_log stderr;
pid ${directory}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log ${directory}/access.log;
  default_type application/octet-stream;
  sendfile on;
${temporary}
  server { listen ${lab.lanAddress}:${HTTP_PORT}; root ${root}; }
}
`;
}
