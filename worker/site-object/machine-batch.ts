import { isActive } from "../../core/boot/attempt.ts";
import { Faults } from "../faults.ts";
import { preconditionOfTag } from "../precondition.ts";
import { fail, ok, type Result } from "../problem.ts";
import { canonicalJson } from "../revisions.ts";
import type { MachineBatch } from "../schemas/machine.ts";
import { findActiveAttempt } from "./attempts.ts";
import { removeMachine } from "./machine-changes.ts";
import { planPut, releaseMachine, storePut, type PlannedPut } from "./machine-puts.ts";
import { findTaggedMachine, type SiteMachine } from "./machines.ts";
import { isOpen, nextRevision } from "./meta.ts";
import { passTime } from "./orders.ts";

/** What became of one member of a batch; a machine that is as it was is not told of. `etag`: before. */
export type MachineChange =
  | { readonly outcome: "created"; readonly put: number }
  | {
      readonly outcome: "changed";
      readonly put: number;
      readonly etag: string;
      readonly before: SiteMachine;
    }
  | {
      readonly outcome: "deleted";
      readonly delete: number;
      readonly etag: string;
      readonly before: SiteMachine;
    };

export type ChangedMachines = {
  /** Those that were put, in their order. */
  readonly put: readonly SiteMachine[];
  readonly deleted: number;
  readonly changes: readonly MachineChange[];
};

/**
 * Puts and deletes machines; the caller's transaction is undone where this fails.
 * What counts is how things are at its end: whatever machines give up in it,
 * others may take.
 */
export function changeMachines(sql: SqlStorage, batch: MachineBatch, now: number): Result<ChangedMachines> {
  if (!isOpen(sql)) return fail("not-found", "the site is gone");
  const faults = new Faults();
  const changes: MachineChange[] = [];

  for (const [i, member] of batch.delete.entries()) {
    const { id, ifMatch } = typeof member === "string" ? { id: member } : member;
    const found = findTaggedMachine(sql, id);
    const removed = removeMachine(sql, id, preconditionOfTag(ifMatch), now);
    if (!removed.ok) faults.add(`delete[${i}]`, removed);
    else if (found !== null)
      changes.push({ outcome: "deleted", delete: i, etag: found.etag, before: found.machine });
  }

  const planned = batch.put.map(({ id, ifMatch, ...input }, i) => {
    const plan = planPut(sql, id, input, preconditionOfTag(ifMatch));
    if (!plan.ok) return faults.add(`put[${i}]`, plan);
    const busy = findObstacle(sql, plan.value, now);
    if (busy !== null) return faults.add(`put[${i}]`, fail("attempt-active", busy.message, [busy]));
    return plan.value;
  });
  for (const [i, twin] of findTwins(planned)) {
    const message = `is the same machine as put[${twin}]`;
    faults.add(`put[${i}]`, fail("invalid", message, [{ field: "id", message }]));
  }
  for (const plan of planned) {
    if (plan?.changed && plan.before !== null) releaseMachine(sql, plan.before.machine);
  }

  const changed = planned.some((plan) => plan?.changed);
  const revision = changed ? nextRevision(sql) : 0;
  for (const [i, plan] of planned.entries()) {
    if (plan === undefined || !plan.changed) continue;
    const stored = storePut(sql, plan, revision);
    if (!stored.ok) faults.add(`put[${i}]`, stored);
    else if (plan.before === null) changes.push({ outcome: "created", put: i });
    else {
      const { etag, machine } = plan.before;
      changes.push({ outcome: "changed", put: i, etag, before: machine });
    }
  }
  const put = planned.flatMap((plan) => plan?.machine ?? []);
  return faults.refusal() ?? ok({ put, deleted: batch.delete.length, changes });
}

/** Where a machine is in the midst of an install, what is not to be changed beneath it. */
const HELD_FAST = ["macs", "uuid", "serial", "profile"] as const;

function findObstacle(sql: SqlStorage, { machine, before, changed }: PlannedPut, now: number) {
  if (before === null || !changed) return null;
  const field = HELD_FAST.find(
    (member) => canonicalJson([machine[member]]) !== canonicalJson([before.machine[member]]),
  );
  const found = field && findActiveAttempt(sql, machine.id);
  if (!found) return null;
  const active = passTime(sql, found.attempt, now);
  if (!isActive(active)) return null;
  const message = `attempt ${active.id} of "${before.machine.name}" is ${active.state}: disarm it before this changes`;
  return { field, message };
}

/** Members that are an existing machine which an earlier one is, too. */
function* findTwins(planned: readonly (PlannedPut | undefined)[]): Generator<[number, number]> {
  const first = new Map<string, number>();
  for (const [i, plan] of planned.entries()) {
    const id = plan?.before?.machine.id;
    if (id === undefined) continue;
    const twin = first.get(id);
    if (twin === undefined) first.set(id, i);
    else yield [i, twin];
  }
}
