import { isActive } from "../../core/boot/attempt.ts";
import { checkPrecondition, type Precondition } from "../precondition.ts";
import { fail, ok, type Result } from "../problem.ts";
import { findActiveAttempt } from "./attempts.ts";
import { deleteMachine, findTaggedMachine, noMachine } from "./machines.ts";
import { passTime } from "./orders.ts";
import { isOpen, nextRevision, stateRevision } from "./meta.ts";

/** A change to the site's machines; it makes a new state revision only where it changed something. */
export function changeMachine<T extends { changed: boolean }>(
  sql: SqlStorage,
  change: (revision: number) => Result<T>,
): Result<T> {
  if (!isOpen(sql)) return fail("not-found", "the site is gone");
  const result = change(stateRevision(sql) + 1);
  if (result.ok && result.value.changed) nextRevision(sql);
  return result;
}

/** Removes a machine, unless it has an active attempt. */
export function removeMachine(
  sql: SqlStorage,
  key: string,
  precondition: Precondition,
  now: number,
): Result<null> {
  const present = findTaggedMachine(sql, key);
  if (present === null) return noMachine(key);
  const { machine, etag } = present;
  const allowed = checkPrecondition(precondition, etag);
  if (!allowed.ok) return allowed;
  const found = findActiveAttempt(sql, machine.id);
  // What is past its end is no obstacle, whether or not the alarm has rung yet.
  const active = found === null ? null : passTime(sql, found.attempt, now);
  if (active !== null && isActive(active)) {
    return fail(
      "attempt-active",
      `attempt ${active.id} of "${machine.name}" is ${active.state}; disarm it first`,
    );
  }
  deleteMachine(sql, machine.id, nextRevision(sql));
  return ok(null);
}
