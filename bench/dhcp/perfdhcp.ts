import { startChild } from "../../test/support/lab/child.ts";
import type { Link } from "./link.ts";

/** What came of an offered load. */
export type Load = {
  readonly begunPerSecond: number;
  readonly acknowledgedPerSecond: number;
  /** The part of the exchanges begun that was not finished. */
  readonly lost: number;
  /** From each DISCOVER to its OFFER, in milliseconds, the shortest first; empty if not asked for. */
  readonly offerMs: readonly number[];
};

export type LoadOptions = {
  /** Exchanges begun a second; `null`: as many as it can. */
  readonly rate: number | null;
  readonly seconds: number;
  /** Clients that take turns, each coming back for its own address; beyond some tens of thousands, strangers. */
  readonly clients?: number;
  /** Whether to note how long each OFFER took. */
  readonly timed?: boolean;
};

const CLIENTS = 20_000;

/**
 * Offers a load for a while. ACKs are counted by the time of the load: the
 * "Rate" that perfdhcp prints divides by the time that it waited afterwards, too.
 */
export async function runLoad(
  link: Link,
  { rate, seconds, clients = CLIENTS, timed = false }: LoadOptions,
): Promise<Load> {
  const text = await perfdhcp(link, [
    ...(rate === null ? [] : ["-r", String(rate)]),
    ...["-R", String(clients), "-p", String(seconds), "-W", "500000"],
    ...(timed ? ["-x", "t"] : []),
  ]);
  const counts = (what: string): number[] =>
    [...text.matchAll(new RegExp(`${what} packets: (\\d+)`, "g"))].map(([, count]) => Number(count));
  const [discovers = 0] = counts("sent");
  const acknowledged = counts("received")[1] ?? 0;
  return {
    begunPerSecond: discovers / seconds,
    acknowledgedPerSecond: acknowledged / seconds,
    lost: discovers === 0 ? 1 : 1 - acknowledged / discovers,
    offerMs: offerTimes(text),
  };
}

/** What came of clients that all begin at once. */
export type Avalanche = {
  readonly begun: number;
  readonly acknowledged: number;
  /** Until the last one had its lease. */
  readonly seconds: number;
};

/** All clients at once, each asking again with back-off until it has its lease. */
export async function runAvalanche(link: Link, clients: number): Promise<Avalanche> {
  const text = await perfdhcp(link, ["--scenario", "avalanche", "-R", String(clients)]);
  const [, hours, minutes, seconds] = /It took (\d+):(\d+):([\d.]+)/.exec(text) ?? [];
  return {
    begun: clients,
    acknowledged: Number([...text.matchAll(/received packets: (\d+)/g)][1]?.[1] ?? 0),
    seconds: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds),
  };
}

/** The value that a part of the values, in ascending order, does not exceed. */
export function percentile(ascending: readonly number[], part: number): number {
  return ascending[Math.min(Math.floor(ascending.length * part), ascending.length - 1)] ?? NaN;
}

/** Of the first list of timestamps, which is DISCOVER and OFFER; in seconds, from perfdhcp's start. */
function offerTimes(text: string): number[] {
  const [, list = ""] = text.split("Timestamps for packets: DISCOVER-OFFER");
  const [offers = ""] = list.split("Timestamps for packets");
  const times = [...offers.matchAll(/sent \/ received: ([\d.]+) \/ ([\d.]+)/g)];
  return times.map(([, sent, received]) => (Number(received) - Number(sent)) * 1000).sort((a, b) => a - b);
}

async function perfdhcp(link: Link, args: readonly string[]): Promise<string> {
  const child = await startChild("ip", [
    ...["netns", "exec", link.clientNamespace, "perfdhcp", "-4", "-l", link.clientInterface],
    ...args,
    link.serverAddress,
  ]);
  // Ends with 3 where something was lost, which is a result as well.
  await child.exited;
  return child.output();
}
