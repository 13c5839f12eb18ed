import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inject } from "postject";
import { bundleRelay, koffiAddon } from "./bundle.ts";
import { DIST, ROOT } from "./paths.ts";

/**
 * `npm run build:relay-executable`: `dist/relay-executable/pxedge-relay`, this very Node with the relay inside
 * (Node's single executable applications), for glibc and the architecture that this runs on.
 */
const folder = join(DIST, "../relay-executable");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const [main, blob, config, target] = ["main.cjs", "main.blob", "sea.json", "pxedge-relay"].map((name) =>
  join(folder, name),
) as [string, string, string, string];

await bundleRelay(main, join(ROOT, "deploy/relay/embedded-koffi.cjs"));
const assets = { "koffi.node": join(koffiAddon(), `linux_${process.arch}/koffi.node`) };
writeFileSync(
  config,
  JSON.stringify({ main, output: blob, assets, useCodeCache: true, disableExperimentalSEAWarning: true }),
);
execFileSync(process.execPath, ["--experimental-sea-config", config], {
  stdio: ["ignore", "ignore", "inherit"],
});

cpSync(process.execPath, target, { dereference: true });
chmodSync(target, 0o755);
// What Node looks for in itself, see its documentation of single executable applications.
await inject(target, "NODE_SEA_BLOB", readFileSync(blob), {
  sentinelFuse: "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2",
});
for (const file of [main, blob, config]) rmSync(file);
process.stdout.write(`${target}\n`);
