import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeRandomFile, type Bench } from "./bench.ts";
import { downloadManyTimes } from "./curl.ts";
import { nginxFilesFolder, startNginx } from "./nginx.ts";
import { measureRate } from "./wrk.ts";

/** Hits, against nginx's sendfile of the same bytes from the same disk: one large object, and a small one. */
export async function measureHits(
  bench: Bench,
  options: { readonly mebibytes: number; readonly connections: number; readonly rounds: number },
): Promise<void> {
  const { site, host, lab, directory, say } = bench;
  const sizeBytes = options.mebibytes * 2 ** 20;
  const [large, small] = [join(directory, "large"), join(directory, "small")];
  makeRandomFile(large, sizeBytes);
  makeRandomFile(small, 4096);
  const paths = {
    large: await site.addCachedImage("large", large),
    small: await site.addCachedImage("small", small),
  };
  await site.restartRelay();
  const nginx = await startNginx(lab, directory, site.wan.url, site.credential);
  try {
    for (const file of [large, small])
      copyFileSync(file, join(nginxFilesFolder(directory), file.split("/").at(-1)!));
    const throughput = async (url: string): Promise<number> => {
      const count = options.connections;
      const { bytes, seconds, failed } = await downloadManyTimes(host, directory, { url, count, sizeBytes });
      if (failed > 0) throw new Error(`${failed} of ${count} transfers of ${url} failed`);
      return bytes / seconds / 2 ** 20;
    };
    // What an earlier run left is verified at its first use, and V8 compiles what is used.
    await throughput(site.relayUrl + paths.large);
    await measureRate(host, site.relayUrl + paths.small);
    for (let round = 1; round <= options.rounds; round++) {
      const theirs = await throughput(`${nginx.url}/files/large`);
      const ours = await throughput(site.relayUrl + paths.large);
      say(
        `${options.mebibytes} MiB × ${options.connections}: nginx sendfile ${theirs.toFixed(0)} MiB/s, ` +
          `pxedge ${ours.toFixed(0)} MiB/s (${(ours / theirs).toFixed(2)} ×)`,
      );
      const theirRate = await measureRate(host, `${nginx.url}/files/small`);
      const ourRate = await measureRate(host, site.relayUrl + paths.small);
      say(
        `4 KiB: nginx ${theirRate.toFixed(0)}/s, pxedge ${ourRate.toFixed(0)}/s (${(ourRate / theirRate).toFixed(2)} ×)`,
      );
    }
  } finally {
    await nginx.stop();
    rmSync(large);
  }
}
