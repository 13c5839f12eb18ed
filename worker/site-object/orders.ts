import { advance, createAttempt, isActive, isHeld } from "../../core/boot/attempt.ts";
import type { Attempt } from "../../core/boot/model.ts";
import type { EventDetail } from "../../core/relay-protocol/events.ts";
import { mintId } from "../credentials.ts";
import { fail, ok, type FieldError, type Result } from "../problem.ts";
import { findActiveAttempt, insertAttempt, saveAttempt, findLatestAttempt } from "./attempts.ts";
import { checkConfirmation } from "./confirmation.ts";
import { recordOwnEvent } from "./events.ts";
import { noteIdempotent, repeatedOrder, type IdempotencyKey } from "./idempotency.ts";
import { findMachine, noMachine, type SiteMachine } from "./machines.ts";
import { nextRevision, siteIdentity } from "./meta.ts";
import type { Pinned } from "./pinned.ts";
import { storePins, type HashedPins } from "./pins.ts";
import { checkRender } from "./render.ts";

/** An order to install, with all that it needs already resolved. */
export type ArmOrder = {
  readonly pinned: Pinned;
  readonly ttlSeconds: number;
  readonly retries: number;
  /** Only for one machine: the attempt that this order replaces. */
  readonly supersede?: string;
  readonly idempotency?: IdempotencyKey;
  /** How many machines whoever orders expects to arm. */
  readonly confirmCount?: number;
  /** Name of the token. */
  readonly by: string;
};

/** What the Idempotency-Key of an order for several machines belongs to. */
export const SITE_SCOPE = "*";

/**
 * Arms machines, all of them or none; the caller's transaction is undone where
 * this fails. A repeated Idempotency-Key gives what the first order made.
 *
 * @param scope what the Idempotency-Key belongs to: one machine's id, or `SITE_SCOPE`
 * @param pins what the order pins, hashed
 * @param secrets the pinned ones in plain: an order is refused where they do not render
 */
export function arm(
  sql: SqlStorage,
  { machines, scope }: { machines: readonly SiteMachine[]; scope: string },
  order: ArmOrder,
  { pins, secrets, now }: { pins: HashedPins; secrets: Readonly<Record<string, string>>; now: number },
): Result<{ attempts: Attempt[]; created: boolean }> {
  const site = siteIdentity(sql);
  const { idempotency } = order;
  const earlier = idempotency === undefined ? ok([]) : repeatedOrder(sql, scope, idempotency);
  if (!earlier.ok) return earlier;
  if (earlier.value.length > 0) return ok({ attempts: earlier.value, created: false });

  const { document, name, revision } = order.pinned.profile;
  if (document.mode !== "install") {
    return fail("invalid", `profile "${name}" installs nothing: its mode is "${document.mode}"`, [
      { field: "profile", message: `mode is "${document.mode}", arm takes "install"` },
    ]);
  }
  const single = machines.length === 1;
  const fieldOf = (machine: SiteMachine, field: string) =>
    single ? field : `machines.${machine.name}.${field}`;
  const errors = machines.flatMap((machine): FieldError[] =>
    machine.macs.length === 0
      ? [
          {
            field: fieldOf(machine, "macs"),
            message: `"${machine.name}" has no MAC yet, so it could not be recognised`,
          },
        ]
      : checkRender({ machine, site, pinned: order.pinned, secrets }).map(({ field, message }) => ({
          field: fieldOf(machine, field),
          message,
        })),
  );
  if (errors.length > 0) {
    const names =
      machines.length > 3 ? `${machines.length} machines` : machines.map((m) => `"${m.name}"`).join(", ");
    return fail("invalid", `profile "${name}" does not render for ${names}`, errors);
  }
  const confirmed = checkConfirmation(sql, { site, now }, machines, order.confirmCount);
  if (!confirmed.ok) return confirmed;

  storePins(sql, pins);
  const attempts: Attempt[] = [];
  const busy: FieldError[] = [];
  for (const machine of machines) {
    const id = mintId();
    const found = findActiveAttempt(sql, machine.id)?.attempt;
    const active = found === undefined ? null : passTime(sql, found, now);
    if (active !== null && isActive(active)) {
      if (order.supersede !== active.id) {
        const message = `attempt ${active.id} is ${active.state}; name it in "supersede" to replace it`;
        busy.push({ field: fieldOf(machine, "supersede"), message });
        continue;
      }
      saveAttempt(sql, advance(active, { type: "supersede", by: id }, now).attempt);
      noteOrder(sql, active, "superseded", { by: id }, now);
    } else if (order.supersede !== undefined) {
      return fail("conflict", `attempt "${order.supersede}" is not this machine's active attempt`, [
        { field: "supersede", message: "names no active attempt of this machine" },
      ]);
    }
    const latest = findLatestAttempt(sql, machine.id);
    // Whoever orders again has acted upon the failure.
    if (latest !== null && isHeld(latest)) saveAttempt(sql, advance(latest, { type: "disarm" }, now).attempt);
    const attempt = createAttempt({
      id,
      machineId: machine.id,
      profile: name,
      profileRevision: revision,
      now,
      ttlMs: order.ttlSeconds * 1_000,
      installDeadlineMs: (document.installDeadlineSeconds ?? 14_400) * 1_000,
      retries: order.retries,
      onFailure: document.onFailure,
    });
    insertAttempt(sql, attempt, pins.hash);
    noteOrder(sql, attempt, "armed", { profile: `${name}@${revision}`, by: order.by }, now);
    attempts.push(attempt);
  }
  if (busy.length > 0) return fail("attempt-active", busy.map((error) => error.message).join("; "), busy);
  if (idempotency !== undefined) noteIdempotent(sql, scope, idempotency, attempts, now);
  nextRevision(sql);
  return ok({ attempts, created: true });
}

/**
 * Ends a machine's active attempt; after the commit only its answers. Where its
 * latest one failed and holds it, lets it boot again.
 */
export function disarm(sql: SqlStorage, key: string, now: number): Result<Attempt> {
  const machine = findMachine(sql, key);
  if (machine === null) return noMachine(key);
  const latest = findLatestAttempt(sql, machine.id);
  if (latest === null || (!isActive(latest) && !isHeld(latest))) {
    return fail("conflict", `"${machine.name}" has no active attempt`);
  }
  const { kind, attempt } = advance(passTime(sql, latest, now), { type: "disarm" }, now);
  if (kind === "moved") {
    saveAttempt(sql, attempt);
    noteOrder(sql, attempt, "disarmed", { state: attempt.state }, now);
    nextRevision(sql);
  }
  return ok(attempt);
}

/** Stores what time alone made of an attempt, and says so once: whoever looks first, a request or the alarm. */
export function passTime(sql: SqlStorage, attempt: Attempt, now: number): Attempt {
  const transition = advance(attempt, { type: "tick" }, now);
  if (transition.kind === "moved") {
    saveAttempt(sql, transition.attempt);
    const name = transition.attempt.state === "stalled" ? "stalled" : "expired";
    noteOrder(sql, transition.attempt, name, {}, now);
  }
  return transition.attempt;
}

/** Puts what became of an order into the timeline. */
function noteOrder(
  sql: SqlStorage,
  attempt: Attempt,
  name: "armed" | "disarmed" | "superseded" | "expired" | "stalled",
  detail: EventDetail,
  now: number,
): void {
  const mac = findMachine(sql, attempt.machineId)?.macs[0] ?? null;
  recordOwnEvent(sql, { mac, attempt: attempt.id, stage: "decision", name, detail }, now);
}
