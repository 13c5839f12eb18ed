import type { Ipv4 } from "../../core/addresses.ts";
import { TokenBucket } from "../token-bucket.ts";

/** How fast bytes may leave, a second; `null`: as fast as it goes. */
export type PacerRates = {
  /** Of all clients together. */
  readonly bytesPerSecond: number | null;
  /** Of each client. */
  readonly bytesPerSecondPerClient: number | null;
};

export type PacerOptions = PacerRates & {
  /** Milliseconds, of any epoch; never back. */
  readonly now: () => number;
};

/** Decides when image bytes leave. */
export type Pacer = {
  /** So much is worth asking for at once: more would leave others waiting for too long. */
  readonly pieceBytes: number;
  /**
   * Resolves when so many bytes may leave for a client.
   *
   * @param isWanted asked again at its turn: nothing is spent on who has left
   */
  take(client: Ipv4, bytes: number, isWanted: () => boolean): Promise<void>;
  /** Goes by other rates from now on, for those who wait as well. */
  setRates(rates: PacerRates): void;
};

/** A twentieth of a second's worth of the rate, but no crumbs. */
const PIECES_PER_SECOND = 20;
const LEAST_PIECE_BYTES = 16 * 1024;

type Waiting = {
  readonly bytes: number;
  readonly isWanted: () => boolean;
  readonly proceed: () => void;
};
type Client = { bucket: TokenBucket | null; readonly queue: Waiting[] };

/**
 * Creates a pacer. Clients take turns, however many connections each has, and
 * one that has its own rate used up does not hold up the others.
 */
export function createPacer({ now, ...initial }: PacerOptions): Pacer {
  let rates: PacerRates = initial;
  let all = bucketOf(rates.bytesPerSecond);
  /** Those who wait or have used some of their rate; the next in turn is the first. */
  const clients = new Map<Ipv4, Client>();
  let timer: NodeJS.Timeout | undefined;

  function enter(address: Ipv4): Client {
    const known = clients.get(address);
    if (known !== undefined) return known;
    const client = { bucket: bucketOf(rates.bytesPerSecondPerClient), queue: [] };
    clients.set(address, client);
    return client;
  }

  /** Lets go whoever may, in turns, until the rate is used up; then waits for more of it. */
  function proceed(): void {
    clearTimeout(timer);
    timer = undefined;
    const time = now();
    let soonest = Infinity;
    for (const [address, client] of clients) {
      const wait = Math.max(all?.waitMs(time) ?? 0, client.bucket?.waitMs(time) ?? 0);
      while (client.queue[0]?.isWanted() === false) client.queue.shift()!.proceed();
      const next = client.queue[0];
      if (next === undefined) {
        if (client.bucket?.isFull(time) ?? true) clients.delete(address);
      } else if (wait > 0) soonest = Math.min(soonest, wait);
      else {
        client.queue.shift();
        all?.take(next.bytes);
        client.bucket?.take(next.bytes);
        // Behind the others: the loop comes by again if there is something left for it.
        clients.delete(address);
        clients.set(address, client);
        next.proceed();
      }
    }
    if (soonest < Infinity) timer = setTimeout(proceed, soonest).unref();
  }

  function bucketOf(bytesPerSecond: number | null): TokenBucket | null {
    return bytesPerSecond === null ? null : new TokenBucket(bytesPerSecond, now());
  }

  function slowest(): number {
    return Math.min(rates.bytesPerSecond ?? Infinity, rates.bytesPerSecondPerClient ?? Infinity);
  }

  return {
    get pieceBytes() {
      return Math.max(LEAST_PIECE_BYTES, Math.floor(slowest() / PIECES_PER_SECOND));
    },
    setRates(next) {
      rates = next;
      all = bucketOf(rates.bytesPerSecond);
      for (const client of clients.values()) client.bucket = bucketOf(rates.bytesPerSecondPerClient);
      proceed();
    },
    async take(address, bytes, isWanted) {
      if (slowest() === Infinity) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      enter(address).queue.push({ bytes, isWanted, proceed: resolve });
      proceed();
      await promise;
    },
  };
}
