import { isActive } from "../../core/boot/attempt.ts";
import { checkPrecondition, UNCONDITIONAL, type Precondition } from "../precondition.ts";
import { fail, ok, type FieldError, type Result } from "../problem.ts";
import type { MachineBatch } from "../schemas/machine.ts";
import { findActiveAttempt } from "./attempts.ts";
import {
  deleteMachine,
  findMachine,
  noMachine,
  putMachine,
  tagMachine,
  type SiteMachine,
} from "./machines.ts";
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
  const machine = findMachine(sql, key);
  if (machine === null) return noMachine(key);
  const allowed = checkPrecondition(precondition, tagMachine(sql, machine).etag);
  if (!allowed.ok) return allowed;
  const found = findActiveAttempt(sql, machine.id);
  // What is past its end is no obstacle, whether or not the alarm has rung yet.
  const active = found === null ? null : passTime(sql, found.attempt, now);
  if (active !== null && isActive(active)) {
    return fail("attempt-active", `attempt ${active.id} is ${active.state}; disarm it first`);
  }
  deleteMachine(sql, machine.id, nextRevision(sql));
  return ok(null);
}

/** Puts and deletes machines; the caller's transaction is undone where this fails. */
export function changeMachines(
  sql: SqlStorage,
  batch: MachineBatch,
  now: number,
): Result<{ put: SiteMachine[]; deleted: number }> {
  const errors: FieldError[] = [];
  const collect = <T>(field: string, result: Result<T>): T | undefined => {
    if (result.ok) return result.value;
    const { detail, errors: fields } = result.problem;
    errors.push(
      ...(fields?.map((error) => ({ ...error, field: `${field}.${error.field}` })) ?? [
        { field, message: detail },
      ]),
    );
    return undefined;
  };
  // Names and addresses that go may be taken by those that come.
  for (const [i, key] of batch.delete.entries()) {
    collect(`delete[${i}]`, removeMachine(sql, key, UNCONDITIONAL, now));
  }
  const put = batch.put.flatMap(({ id, ...input }, i) => {
    const change = (revision: number) =>
      putMachine(sql, id, input, { revision, precondition: UNCONDITIONAL });
    return collect(`put[${i}]`, changeMachine(sql, change))?.machine ?? [];
  });
  if (errors.length > 0) return fail("invalid", "nothing was changed", errors);
  return ok({ put, deleted: batch.delete.length });
}
