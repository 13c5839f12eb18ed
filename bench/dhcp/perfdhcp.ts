import { startChild } from "../../test/support/lab/child.ts";
import type { Link } from "./link.ts";

/** What came of an offered load. */
export type Load = {
  readonly acknowledgedPerSecond: number;
  /** The part of the exchanges begun that was not finished. */
  readonly lost: number;
  /** `null` if perfdhcp does not say. */
  readonly averageOfferMs: number | null;
};

/** Clients that take turns: each comes back for its own address. */
const CLIENTS = 20_000;

/**
 * Offers a load for a while. ACKs are counted by the time of the load: the
 * "Rate" that perfdhcp prints divides by the time that it waited afterwards, too.
 *
 * @param rate exchanges begun a second; `null`: as many as it can
 */
export async function runLoad(
  link: Link,
  { rate, seconds }: { readonly rate: number | null; readonly seconds: number },
): Promise<Load> {
  const text = await perfdhcp(link, [
    ...(rate === null ? [] : ["-r", String(rate)]),
    ...["-R", String(CLIENTS), "-p", String(seconds), "-W", "500000"],
  ]);
  const counts = (what: string): number[] =>
    [...text.matchAll(new RegExp(`${what} packets: (\\d+)`, "g"))].map(([, count]) => Number(count));
  const [discovers = 0] = counts("sent");
  const acknowledged = counts("received")[1] ?? 0;
  const delay = /avg delay: ([\d.]+) ms/.exec(text)?.[1];
  return {
    acknowledgedPerSecond: acknowledged / seconds,
    lost: discovers === 0 ? 1 : 1 - acknowledged / discovers,
    averageOfferMs: delay === undefined ? null : Number(delay),
  };
}

/** All clients at once, each asking again with back-off until it has its lease: how long it takes, in words. */
export async function runAvalanche(link: Link, clients: number): Promise<string> {
  const text = await perfdhcp(link, ["--scenario", "avalanche", "-R", String(clients)]);
  const took = /It took (.*)/.exec(text)?.[1] ?? /(\d+ ?ms.*)/.exec(text)?.[1];
  return took?.trim() ?? "not finished";
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
