import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bundleRelay, koffiAddon } from "./bundle.ts";
import { DIST, ROOT } from "./paths.ts";

/**
 * `npm run build:relay`: the relay as one file for Node 24, `dist/relay/pxedge-relay.cjs`, and beside it what
 * no JavaScript file can hold: koffi's addon, for glibc and for musl, of the architecture that this runs on.
 */
rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST, { recursive: true });
await bundleRelay(join(DIST, "pxedge-relay.cjs"), join(ROOT, "node_modules/koffi/index.cjs"));
for (const folder of [`linux_${process.arch}`, `musl_${process.arch}`]) {
  cpSync(join(koffiAddon(), folder), join(DIST, folder), { recursive: true });
}
