import { fileURLToPath } from "node:url";
import type { Host } from "../../test/e2e/dhcp-lan.ts";
import type { Child } from "../../test/support/lab/child.ts";

/** How long answers took. */
export type Latencies = {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly failed: number;
  /** Why the first one failed. */
  readonly failure?: string;
};

/** DHCP exchanges begun a second, by clients that take turns. */
const DHCP_RATE = 50;
const DHCP_CLIENTS = 100;
const REQUESTER = fileURLToPath(new URL("requester.ts", import.meta.url));

/** How long clients wait for OFFERs and ACKs, by perfdhcp. */
export async function measureDhcp(host: Host, seconds: number): Promise<Latencies> {
  const child = await host.spawn("perfdhcp", [
    ...["-4", "-l", host.interface, "-r", String(DHCP_RATE), "-R", String(DHCP_CLIENTS)],
    ...["-p", String(seconds), "-W", "500000", "-x", "t"],
  ]);
  await child.exited;
  const output = child.output();
  const times = [...output.matchAll(/^sent \/ received: ([\d.]+) \/ ([\d.]+)/gm)].map(
    ([, sent, received]) => (Number(received) - Number(sent)) * 1000,
  );
  const lost = [...output.matchAll(/^drops: (\d+)/gm)].map(([, count]) => Number(count));
  return summarize(times, Math.max(0, ...lost));
}

/**
 * GETs at a steady rate from one process.
 *
 * @param more how many a second, and by a connection each; 50 over kept connections by default
 */
export async function measureRequests(
  host: Host,
  url: string,
  seconds: number,
  more: readonly string[] = [],
): Promise<Latencies> {
  const child: Child = await host.spawn(process.execPath, [REQUESTER, url, String(seconds), ...more]);
  await child.exited;
  const { times, failures } = JSON.parse(child.output()) as { times: number[]; failures: string[] };
  const [failure] = failures;
  return { ...summarize(times, failures.length), ...(failure !== undefined && { failure }) };
}

function summarize(times: readonly number[], failed: number): Latencies {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), failed };
}
