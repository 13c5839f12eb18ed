import { fail, ok, type FieldError, type Result } from "../problem.ts";
import { findMachine, listMachines, type SiteMachine } from "./machines.ts";

/** Machines that an order for several arms: those named, or those that have all the labels. */
export type ArmTarget =
  | { readonly ids: readonly string[]; readonly labels?: undefined }
  | { readonly labels: Readonly<Record<string, string>> };

const MAX_ARMED_AT_ONCE = 1_000;

/** The machines that are meant; each once, however often and by whatever name it was named. */
export function machinesOfTarget(sql: SqlStorage, target: ArmTarget): Result<SiteMachine[]> {
  if (target.labels !== undefined) {
    const { labels } = target;
    const machines = listMachines(sql, { after: "", limit: MAX_ARMED_AT_ONCE + 1, labels });
    if (machines.length > 0 && machines.length <= MAX_ARMED_AT_ONCE) return ok(machines);
    const message =
      machines.length === 0 ? "no machine has these labels" : `more than ${MAX_ARMED_AT_ONCE} machines`;
    return fail("invalid", message, [{ field: "selector", message }]);
  }
  const machines = new Map<string, SiteMachine>();
  const errors: FieldError[] = [];
  for (const [i, key] of target.ids.entries()) {
    const machine = findMachine(sql, key);
    if (machine === null) errors.push({ field: `ids[${i}]`, message: `no machine "${key}" at this site` });
    else machines.set(machine.id, machine);
  }
  if (errors.length > 0) return fail("invalid", errors.map(({ message }) => message).join("; "), errors);
  return ok([...machines.values()]);
}
