import type { SiteCredential } from "../credentials.ts";
import { fail, ok, type Result } from "../problem.ts";
import { authorizeBootToken } from "./boot-tokens.ts";
import { stateRevision } from "./meta.ts";
import { authorizeRelay } from "./relays.ts";
import type { SiteTransactions } from "./transactions.ts";

/** What every answer to a relay carries beside its own value. */
export type ForRelay<T> = { readonly stateRevision: number; readonly value: T };

/** Does what a relay asks, or a machine with a boot token, in one transaction with the look at its credential. */
export function forClient<T>(
  transactions: SiteTransactions,
  client: SiteCredential,
  body: (now: number) => T,
): Result<ForRelay<T>> {
  const { sql } = transactions;
  const now = Date.now();
  const authorize = isDirect(client) ? authorizeBootToken : authorizeRelay;
  return transactions.run(() => {
    if (!authorize(sql, client, now)) {
      return fail("unauthorized", "the relay's credential is unknown or revoked");
    }
    const value = body(now);
    return ok({ stateRevision: stateRevision(sql), value });
  });
}

/** As `forClient`, of what no machine may ask. */
export function forRelay<T>(
  transactions: SiteTransactions,
  relay: SiteCredential,
  body: (now: number) => T,
): Result<ForRelay<T>> {
  if (relay.prefix !== "pxr") return fail("unauthorized", "only a relay may ask this");
  return forClient(transactions, relay, body);
}

/** Whether a machine asks by itself, with a boot token. */
export function isDirect(client: SiteCredential): boolean {
  return client.prefix === "pxb";
}
