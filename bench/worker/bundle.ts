import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** The Worker's bundle as it is uploaded, and what is in it. */
export async function measureBundle(): Promise<{
  gzippedBytes: number;
  minifiedBytes: number;
  /** By package, `pxedge` for our own, the largest first; minified. */
  largest: { name: string; bytes: number }[];
}> {
  const result = await build({
    absWorkingDir: fileURLToPath(new URL("../..", import.meta.url)),
    entryPoints: ["worker/main.ts"],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    outfile: "worker.js",
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*"],
    logLevel: "error",
  });
  const code = result.outputFiles[0]!.contents;
  const byPackage = new Map<string, number>();
  for (const { inputs } of Object.values(result.metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const name = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? "pxedge";
      byPackage.set(name, (byPackage.get(name) ?? 0) + bytesInOutput);
    }
  }
  return {
    gzippedBytes: gzipSync(code).length,
    minifiedBytes: code.length,
    largest: [...byPackage]
      .map(([name, bytes]) => ({ name, bytes }))
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, 6),
  };
}
