/** A fault that could be made in the control plane, as a textual change that must match exactly once. */
export type Mutant = {
  readonly name: string;
  /** From the repository's root. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
};

const ATTEMPT = "core/boot/attempt.ts";
const ANSWER = "core/boot/answer.ts";
const DECIDE = "core/boot/decide.ts";
const ATTEMPTS = "worker/site-object/attempts.ts";
const IDEMPOTENCY = "worker/site-object/idempotency.ts";
const ANSWERS = "worker/site-object/answers.ts";
const ORDERS = "worker/site-object/orders.ts";
const SITE = "worker/site-object/site-object.ts";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "no compare-and-set",
    file: SITE,
    from: "const secretHash = await hashSecret(secret);\n    const direct",
    // What was read before an await is written back after it.
    to:
      "const read = this.sql.exec('SELECT document, active, deadline, id FROM attempts WHERE active = 1').raw().toArray();\n" +
      "    const secretHash = await hashSecret(secret);\n" +
      "    await scheduler.wait(2);\n" +
      "    for (const row of read) this.sql.exec('UPDATE attempts SET document = ?, active = ?, deadline = ? WHERE id = ?', ...row);\n" +
      "    const direct",
  },
  {
    name: "HEAD commits",
    file: ANSWER,
    from: "return commits\n",
    to: "return commits || true\n",
  },
  {
    name: "the commit is stored after the reply",
    file: ANSWERS,
    from: "  saveAttempt(sql, decision.attempt);\n  if (request.commits) noteServed",
    to: "  void scheduler.wait(20).then(() => saveAttempt(sql, decision.attempt));\n  if (request.commits) noteServed",
  },
  {
    name: "an alarm arms again",
    file: SITE,
    from: "passTime(this.sql, attempt, now);",
    to:
      "this.sql.exec('UPDATE attempts SET active = 1, deadline = ?, document = ? WHERE id = ?', now + attempt.ttlMs," +
      " JSON.stringify({ ...attempt, state: 'armed', serves: 0, expiresAt: now + attempt.ttlMs }), attempt.id);",
  },
  {
    name: "retry on silence",
    file: ATTEMPT,
    from: '{ ...attempt, state: "stalled", reason: "no callback before the install deadline" }',
    to: '{ ...attempt, state: "armed", serves: 0, expiresAt: now + attempt.ttlMs }',
  },
  {
    name: "a late callback reopens",
    file: ATTEMPT,
    from: "if (!isActive(attempt) || isBeforeCommit(attempt)) return passed;\n      // Somebody",
    to: "if (isBeforeCommit(attempt)) return passed;\n      // Somebody",
  },
  {
    name: "a failure of a stalled machine arms it",
    file: ATTEMPT,
    from: 'attempt.state === "stalled" || attempt.answersRevoked',
    to: "attempt.answersRevoked",
  },
  {
    name: "retries without end",
    file: ATTEMPT,
    from: " || attempt.installs > attempt.retries) {",
    to: ") {",
  },
  {
    name: "the script is served after the commit",
    file: ATTEMPT,
    from: 'if (!isBeforeCommit(attempt)) return refuse("already-committed");',
    to: "",
  },
  {
    name: "the ttl is ignored",
    file: ATTEMPT,
    from: "if (isBeforeCommit(attempt)) return attempt.expiresAt;",
    to: "if (isBeforeCommit(attempt)) return null;",
  },
  {
    name: "disarm is answered before it is stored",
    file: ORDERS,
    from: 'if (kind === "moved") {\n    saveAttempt(sql, attempt);',
    to: 'if (kind === "moved") {\n    void scheduler.wait(20).then(() => saveAttempt(sql, attempt));',
  },
  {
    name: "disarm after the commit revokes nothing",
    file: ANSWER,
    from: 'if (current.answersRevoked) return { kind: "refuse", attempt: current, reason: "revoked" };',
    to: "",
  },
  {
    name: "a superseded attempt keeps its answers",
    file: ATTEMPT,
    from: 'if (!isActive(attempt)) return refuse("ended");\n      if (attempt.state === "armed")',
    to:
      'if (!isActive(attempt) && !attempt.reason?.startsWith("superseded")) return refuse("ended");\n' +
      '      if (attempt.reason?.startsWith("superseded")) return passed;\n' +
      '      if (attempt.state === "armed")',
  },
  {
    name: "a stale capability is honoured",
    file: ATTEMPTS,
    from: 'sql.exec("DELETE FROM capabilities WHERE attempt_id = ?", attemptId);',
    to: "",
  },
  {
    name: "the once window is ignored",
    file: ANSWER,
    from: "if (once && firstServedAt !== null",
    to: "if (false && firstServedAt !== null",
  },
  {
    name: "the install deadline is ignored",
    file: ANSWER,
    from: 'if (current.state === "stalled") return { kind: "refuse", attempt: current, reason: "ended" };',
    to: "",
  },
  {
    name: "the observed MAC is not checked",
    file: DECIDE,
    from: 'machine.macs.includes(observedMac) ? "match" : "observed-mismatch"',
    to: '"match"',
  },
  {
    name: "siblings are strangers",
    file: DECIDE,
    from: "machine.macs.includes(observedMac)",
    to: "machine.macs[0] === observedMac",
  },
  {
    name: "the Idempotency-Key is ignored",
    file: IDEMPOTENCY,
    from: "SELECT attempt_id, fingerprint FROM idempotency WHERE key = ?",
    to: "DELETE FROM idempotency WHERE key = ? RETURNING '' AS attempt_id, NULL AS fingerprint",
  },
  {
    name: "an Idempotency-Key covers any order",
    file: IDEMPOTENCY,
    from: "row.fingerprint !== null && row.fingerprint !== fingerprint",
    to: "false",
  },
  {
    name: "no boot loop is ever seen",
    file: ATTEMPT,
    from: "if (attempt.serves >= MAX_SERVES) {",
    to: "if (attempt.serves < 0) {",
  },
  {
    name: "a retry is held to the once window of the install before it",
    file: ATTEMPTS,
    from: "  if (isBeforeCommit(attempt)) return null;\n",
    to: "",
  },
];

/**
 * The source with the fault in it.
 *
 * @throws Error where the source has changed, so that the mutant must be written anew
 */
export function applyMutant(mutant: Mutant, code: string): string {
  if (code.split(mutant.from).length !== 2) {
    throw new Error(`mutant "${mutant.name}" does not match ${mutant.file} exactly once`);
  }
  return code.replace(mutant.from, () => mutant.to);
}
