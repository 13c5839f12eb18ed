import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../../test/e2e/dhcp-lan.ts";
import type { Bench } from "./bench.ts";
import { downloadManyTimes, type Transfers } from "./curl.ts";
import { startNginx } from "./nginx.ts";

/**
 * Cold clients of one object over a slow WAN, all at once: through the relay,
 * through nginx with `proxy_cache_lock`, and one alone without anything between.
 */
export async function measureCold(
  bench: Bench,
  options: { readonly clients: number; readonly mebibytes: number; readonly megabits: number },
): Promise<void> {
  const { site, host, lab, directory, say } = bench;
  const sizeBytes = options.mebibytes * 2 ** 20;
  const file = join(directory, "cold");
  writeFileSync(file, randomBytes(sizeBytes));
  const path = await site.addImage("cold", file);
  await site.wan.set({ bitsPerSecond: options.megabits * 1e6, roundTripMs: 40 });

  const run = async (
    place: Pick<Host, "spawn">,
    url: string,
    count: number,
    headers: string[] = [],
  ): Promise<Measured> => {
    const before = await site.wan.counts();
    const transfers = await downloadManyTimes(place, directory, {
      ...{ url, count, sizeBytes, headers },
      ...(place === host && { from: bench.addresses }),
    });
    const after = await site.wan.counts();
    return { ...transfers, originShare: (after.bytesDown - before.bytesDown) / sizeBytes };
  };
  try {
    const direct = await run(lab, site.wan.url + path, 1, [`Authorization: Bearer ${site.credential}`]);
    say(`direct, 1 client: ${format(direct)}`);
    const ours = await run(host, site.relayUrl + path, options.clients);
    say(`pxedge, ${options.clients} clients: ${format(ours)}; ${ratio(ours, direct)} × direct`);
    const nginx = await startNginx(lab, directory, site.wan.url, site.credential);
    try {
      const theirs = await run(host, nginx.url + path, options.clients);
      say(
        `nginx proxy_cache_lock, ${options.clients} clients: ${format(theirs)}; ${ratio(theirs, direct)} × direct`,
      );
    } finally {
      await nginx.stop();
    }
  } finally {
    await site.wan.set({ bitsPerSecond: null, roundTripMs: 0 });
  }
}

type Measured = Transfers & { readonly originShare: number };

function format({ seconds, failed, failure, originShare }: Measured): string {
  const why = failure === undefined ? "" : ` (${failure})`;
  return `last done after ${seconds.toFixed(2)} s, ${failed} failed${why}, origin sent ${originShare.toFixed(4)} ×`;
}

function ratio(ours: Transfers, theirs: Transfers): string {
  return (ours.seconds / theirs.seconds).toFixed(3);
}
