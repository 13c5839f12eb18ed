import { lookup, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";

/** Resolves a name to all its addresses, as `dns.lookup` does. */
export type ResolveAll = (
  hostname: string,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export type CachedLookupOptions = {
  readonly resolve?: ResolveAll;
  /** How long addresses are used before they are looked up again. */
  readonly freshMs?: number;
};

type Known = { addresses: LookupAddress[]; at: number; isUnderway: boolean };

const FRESH_MS = 60_000;

/**
 * Creates a name look-up that remembers: where the name server is as far away
 * as a dead WAN, the last known addresses are used while one look-up at a time
 * goes on asking. (Each look-up of the system's resolver takes one of libuv's
 * four threads for as long as it hangs, and TFTP's reads need those.)
 */
export function createCachedLookup({
  resolve = (hostname, done) => lookup(hostname, { all: true }, done),
  freshMs = FRESH_MS,
}: CachedLookupOptions = {}): LookupFunction {
  const known = new Map<string, Known>();
  const waiting = new Map<string, Parameters<ResolveAll>[1][]>();

  function refresh(hostname: string): void {
    const entry = known.get(hostname);
    if (entry?.isUnderway === true) return;
    if (entry !== undefined) entry.isUnderway = true;
    resolve(hostname, (error, addresses) => {
      const last = known.get(hostname);
      if (error === null) known.set(hostname, { addresses, at: performance.now(), isUnderway: false });
      else if (last !== undefined) last.isUnderway = false;
      for (const done of waiting.get(hostname) ?? []) done(error, addresses);
      waiting.delete(hostname);
    });
  }

  return (hostname, options, done) => {
    const answer: Parameters<ResolveAll>[1] = (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) done(error ?? noAddress(hostname), "", 0);
      else if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    };
    const entry = known.get(hostname);
    if (entry !== undefined) {
      if (performance.now() - entry.at > freshMs) refresh(hostname);
      process.nextTick(answer, null, entry.addresses);
      return;
    }
    const others = waiting.get(hostname);
    waiting.set(hostname, [...(others ?? []), answer]);
    if (others === undefined) refresh(hostname);
  };
}

function noAddress(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${hostname} has no address`), { code: "ENOTFOUND" });
}
