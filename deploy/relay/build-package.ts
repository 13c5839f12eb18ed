import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import packageJson from "../../package.json" with { type: "json" };
import { DIST, ROOT } from "./paths.ts";

/**
 * `npm run build:deb`: `dist/pxedge-relay_VERSION_ARCH.deb`, of what `npm run build:relay` built and this very
 * Node: Debian 12's own is too old.
 */
const SOURCE = join(ROOT, "deploy/relay");
const ARCHITECTURE = { x64: "amd64", arm64: "arm64" }[process.arch as "x64" | "arm64"];
const tree = join(ROOT, "dist/package");
const target = join(ROOT, `dist/pxedge-relay_${packageJson.version}_${ARCHITECTURE}.deb`);

const CONTROL = `Package: pxedge-relay
Version: ${packageJson.version}
Architecture: ${ARCHITECTURE}
Maintainer: the pxedge developers <pxedge@localhost>
Section: net
Priority: optional
Depends: adduser, libc6 (>= 2.28), libstdc++6 (>= 10), libgcc-s1
Recommends: ipxe, ca-certificates
Description: network boot of bare-metal machines, the on-site relay
 Answers DHCP, serves boot files over TFTP and forwards HTTP for the machines
 of one site, as a pxedge control plane decides; keeps images, and goes on
 while the WAN is slow or down.
`;

/** Text files of the package, by their path in it. */
function put(path: string, content: string | Uint8Array, mode = 0o644): void {
  const file = join(tree, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  chmodSync(file, mode);
}

const source = (name: string): Buffer => readFileSync(join(SOURCE, name));
const compressed = (content: string | Buffer): Buffer => gzipSync(content, { level: 9 });

rmSync(tree, { recursive: true, force: true });
const lib = join(tree, "usr/lib/pxedge");
mkdirSync(lib, { recursive: true });
cpSync(process.execPath, join(lib, "node"), { dereference: true });
cpSync(join(DIST, "pxedge-relay.cjs"), join(lib, "pxedge-relay.cjs"));
const addon = `linux_${process.arch}`;
cpSync(join(DIST, addon), join(lib, addon), { recursive: true });

put("usr/bin/pxedge", source("debian/pxedge"), 0o755);
put("usr/lib/systemd/system/pxedge-relay.service", source("pxedge-relay.service"));
put("etc/pxedge/relay.yaml", source("relay.yaml"));
put("usr/share/man/man8/pxedge-relay.8.gz", compressed(source("debian/pxedge-relay.8")));
const doc = "usr/share/doc/pxedge-relay";
put(`${doc}/README.Debian`, source("debian/README.Debian"));
put(`${doc}/changelog.gz`, compressed(readFileSync(join(ROOT, "CHANGES.md"))));
put(`${doc}/copyright`, readFileSync(join(ROOT, "LICENSE")));

const kib = Number(execFileSync("du", ["-sk", tree], { encoding: "utf8" }).split("\t")[0]);
put("DEBIAN/control", CONTROL.replace("\nDepends:", `\nInstalled-Size: ${kib}\nDepends:`));
put("DEBIAN/conffiles", "/etc/pxedge/relay.yaml\n");
for (const script of ["postinst", "prerm", "postrm"])
  put(`DEBIAN/${script}`, source(`debian/${script}`), 0o755);

// zstd: xz takes a minute for Node alone, and dpkg reads both since Debian 12.
execFileSync("dpkg-deb", ["--build", "--root-owner-group", "-Zzstd", "-z9", tree, target], {
  // What is built of one commit is the same, whenever it is built.
  env: { ...process.env, SOURCE_DATE_EPOCH: process.env["SOURCE_DATE_EPOCH"] ?? commitTime() },
  stdio: ["ignore", "ignore", "inherit"],
});
process.stdout.write(`${target}  ${Math.round(statSync(target).size / 2 ** 20)} MiB\n`);

function commitTime(): string {
  return execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: ROOT, encoding: "utf8" }).trim();
}
