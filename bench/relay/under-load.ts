import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeRandomFile, type Bench } from "./bench.ts";
import { downloadManyTimes } from "./curl.ts";
import { measureDhcp, measureRequests, type Latencies } from "./latency.ts";

/**
 * What a site's other machines notice while many stream a large object, and
 * what memory that takes.
 */
export async function measureUnderLoad(
  bench: Bench,
  options: { readonly clients: number; readonly mebibytes: number; readonly seconds: number },
): Promise<void> {
  const { site, host, directory, say } = bench;
  const sizeBytes = options.mebibytes * 2 ** 20;
  const file = join(directory, "streamed");
  makeRandomFile(file, sizeBytes);
  const url = site.relayUrl + (await site.addCachedImage("streamed", file));
  await site.restartRelay();
  // The gigabytes just made would be on their way to the disk for as long as this measures: a commit waits behind them.
  execFileSync("sync");
  const idleRss = rssBytes(site.pid());
  // What an earlier run left is verified at its first use.
  await downloadManyTimes(host, directory, { url, count: 1, sizeBytes });

  const others = async (): Promise<{ dhcp: Latencies; stageOne: Latencies; script: Latencies }> => {
    const script = `${site.relayUrl}/boot/52-54-00-00-00-01/script.ipxe`;
    const seconds = options.seconds;
    const [dhcp, stageOne, scripts] = await Promise.all([
      measureDhcp(host, seconds),
      measureRequests(host, `${site.relayUrl}/boot.ipxe`, seconds),
      measureRequests(host, script, seconds),
    ]);
    return { dhcp, stageOne, script: scripts };
  };
  const idle = await others();
  const busyRss = rssBytes(site.pid());
  const streaming = downloadManyTimes(host, directory, {
    ...{ url, sizeBytes, count: options.clients, from: bench.addresses, maxSeconds: options.seconds + 6 },
  });
  await sleep(3000);
  let rss = 0;
  const sampler = setInterval(() => (rss = Math.max(rss, rssBytes(site.pid()))), 200);
  const busy = await others();
  clearInterval(sampler);
  const { bytes, seconds } = await streaming;
  say(
    `${options.clients} clients on ${options.mebibytes} MiB: ${(bytes / seconds / 2 ** 20).toFixed(0)} MiB/s, ` +
      `RSS of the relay at most ${(rss / 1e6).toFixed(0)} MB, ` +
      `${(idleRss / 1e6).toFixed(0)} MB at its start, ${(busyRss / 1e6).toFixed(0)} MB after the others alone`,
  );
  for (const name of ["dhcp", "stageOne", "script"] as const) {
    say(`${name}: p99 ${format(busy[name])} under load, ${format(idle[name])} idle`);
  }
}

function rssBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

function format({ count, p50Ms, p99Ms, maxMs, failed, failure }: Latencies): string {
  const why = failure === undefined ? "" : ` (${failure})`;
  return `${p99Ms.toFixed(1)} ms (p50 ${p50Ms.toFixed(1)}, max ${maxMs.toFixed(1)}, n ${count}, ${failed} failed${why})`;
}
