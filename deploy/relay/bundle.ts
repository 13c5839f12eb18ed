import { createRequire } from "node:module";
import { dirname } from "node:path";
import { build } from "esbuild";
import { ROOT } from "./paths.ts";

/**
 * Makes one CommonJS file of the relay's commands.
 *
 * @param koffi the module that stands for koffi: its ESM face finds its addon by import.meta.url, which a
 *   CommonJS file has not
 */
export async function bundleRelay(outfile: string, koffi: string): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: ["cli/relay-main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    // Names stay, for stack traces; what V8 need not read is memory.
    minifyWhitespace: true,
    minifySyntax: true,
    alias: { koffi },
    logLevel: "warning",
  });
}

/** The folder of koffi's addons for this architecture, one for glibc and one for musl. */
export function koffiAddon(): string {
  const { resolve } = createRequire(import.meta.url);
  return dirname(createRequire(resolve("koffi")).resolve(`@koromix/koffi-linux-${process.arch}`));
}
