import type { Bench } from "./bench.ts";
import { measureRequests, type Latencies } from "./latency.ts";

/** Each request is another machine's. */
const SCRIPT = "/boot/52-54-00-{n}/script.ipxe";

/**
 * How long machines wait for their scripts over a WAN of 300 ms round trip in
 * which one answer of ten never comes, beside a good WAN and beside what the
 * relay answers by itself.
 */
export async function measureBadWan(
  { site, host, say }: Bench,
  { seconds }: { readonly seconds: number },
): Promise<void> {
  const scripts = (): Promise<Latencies> => measureRequests(host, site.relayUrl + SCRIPT, seconds);
  say(
    `stage one, answered by the relay: ${format(await measureRequests(host, `${site.relayUrl}/boot.ipxe`, seconds))}`,
  );
  const warm = await measureRequests(host, `${site.relayUrl}/boot.ipxe`, seconds, ["200", "each"]);
  say(`stage one, 200 clients a second: ${format(warm)}`);
  say(`scripts over a good WAN: ${format(await scripts())}`);
  const before = await site.wan.counts();
  await site.wan.set({ roundTripMs: 300, stallShare: 0.1, stallMs: null });
  const bad = await scripts();
  await site.wan.set({ roundTripMs: 0, stallShare: 0 });
  const { exchanges, stalled } = await site.wan.counts();
  say(`scripts over 300 ms and stalls: ${format(bad)}`);
  say(
    `of ${exchanges - before.exchanges} exchanges over the WAN ${stalled - before.stalled} stalled for ever`,
  );
}

function format({ count, p50Ms, p99Ms, maxMs, failed, failure }: Latencies): string {
  const why = failure === undefined ? "" : ` (${failure})`;
  const answered = (100 * count) / Math.max(1, count + failed);
  return `p99 ${p99Ms.toFixed(1)} ms (p50 ${p50Ms.toFixed(1)}, max ${maxMs.toFixed(1)}), ${answered.toFixed(2)} % of ${count + failed} answered${why}`;
}
