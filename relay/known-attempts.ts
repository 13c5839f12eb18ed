import type { Logger } from "pino";

import type { Mac } from "../core/addresses.ts";

/** Two racks of strangers must not push a site's machines out. */
const MAX_MACS = 10_000;
/** As long as an order stands by default. */
const KEEP_MS = 24 * 3_600_000;

/**
 * Under which attempt each MAC boots, as the control plane said when it
 * answered that MAC last. For the log alone: nothing is decided by it, and
 * nothing of it outlives the process.
 */
export class KnownAttempts {
  readonly #now: () => number;
  /** In the order in which they were heard of. */
  readonly #byMac = new Map<Mac, { readonly attempt: string; readonly heardAt: number }>();

  /** @param now milliseconds, of any epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param attempt `undefined`: what the MAC was answered belongs to none */
  learn(mac: Mac, attempt: string | undefined): void {
    this.#byMac.delete(mac);
    if (attempt === undefined) return;
    this.#byMac.set(mac, { attempt, heardAt: this.#now() });
    if (this.#byMac.size > MAX_MACS) this.#byMac.delete(this.#byMac.keys().next().value!);
  }

  of(mac: Mac): string | undefined {
    const known = this.#byMac.get(mac);
    return known === undefined || this.#now() - known.heardAt > KEEP_MS ? undefined : known.attempt;
  }
}

/** A log like the given one, whose lines on a `mac` also have the `attempt` that it boots under. */
export function logWithAttempts(log: Logger, attempts: Pick<KnownAttempts, "of">): Logger {
  const addAttempt = (fields: { mac?: unknown }): object => {
    const attempt = typeof fields.mac === "string" ? attempts.of(fields.mac) : undefined;
    return attempt === undefined ? fields : { ...fields, attempt };
  };
  return log.child({}, { formatters: { log: addAttempt } });
}
