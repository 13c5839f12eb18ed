import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../support/lab/child.ts";
import { installOnDebian, type DebianHost } from "../support/lab/debian-host.ts";
import type { RelayHost } from "./site.ts";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Builds the relay's Debian package and installs it on a fresh Debian, where it
 * is started by its unit's command line under the unit's restrictions.
 *
 * @param bootFiles a folder, as the package `ipxe` has it
 */
export async function installRelay(
  directory: string,
  bootFiles: string,
): Promise<{ host: RelayHost; debian: DebianHost }> {
  const build = async (script: string) =>
    await run(process.execPath, [join(CHECKOUT, "deploy/relay", script)], 120_000);
  await build("build-relay.ts");
  const [deb] = (await build("build-package.ts")).split("  ") as [string];
  const debian = await installOnDebian(deb, join(directory, "debian"));
  cpSync(bootFiles, join(debian.root, "usr/lib/ipxe"), { recursive: true });
  return {
    debian,
    host: {
      configFile: join(debian.root, "etc/pxedge/relay.yaml"),
      stateDir: "/var/lib/pxedge",
      tftpRoot: "/usr/lib/ipxe",
      pxedge: (...args) => debian.inside("pxedge", ...args),
      run: () => debian.service(),
    },
  };
}
