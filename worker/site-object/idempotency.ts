import type { Attempt } from "../../core/boot/model.ts";
import { fail, ok, type Result } from "../problem.ts";
import { findAttempt } from "./attempts.ts";

/** What makes a repeated order the same one. */
export type IdempotencyKey = {
  /** As the client sent it. */
  readonly key: string;
  /** Hash of what the order asks for. */
  readonly fingerprint: string;
};

const KEPT_MS = 7 * 86_400_000;

/**
 * What an earlier order with this key made, in its order; none where there was none.
 *
 * @param scope what the key belongs to: one machine's id, or `SITE_SCOPE`
 * @returns `idempotency-mismatch` where the earlier order asked for something else
 */
export function repeatedOrder(
  sql: SqlStorage,
  scope: string,
  { key, fingerprint }: IdempotencyKey,
): Result<Attempt[]> {
  const row = sql
    .exec<{ attempt_id: string; fingerprint: string | null }>(
      "SELECT attempt_id, fingerprint FROM idempotency WHERE key = ?",
      `${scope} ${key}`,
    )
    .toArray()[0];
  if (row === undefined) return ok([]);
  // One that was stored before there were fingerprints is taken as the same.
  if (row.fingerprint !== null && row.fingerprint !== fingerprint) {
    const message = `"${key}" was given to an order with another body; take a new key for a new order`;
    return fail("idempotency-mismatch", message, [{ field: "Idempotency-Key", message }]);
  }
  return ok(row.attempt_id.split(",").flatMap((id) => findAttempt(sql, id) ?? []));
}

/** Keeps what an order made, for a week. */
export function noteIdempotent(
  sql: SqlStorage,
  scope: string,
  { key, fingerprint }: IdempotencyKey,
  attempts: readonly Attempt[],
  now: number,
): void {
  sql.exec("DELETE FROM idempotency WHERE at < ?", now - KEPT_MS);
  sql.exec(
    "INSERT INTO idempotency (key, fingerprint, attempt_id, at) VALUES (?, ?, ?, ?)",
    `${scope} ${key}`,
    fingerprint,
    attempts.map(({ id }) => id).join(","),
    now,
  );
}
