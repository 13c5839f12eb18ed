import type { RelayMachine, RelayState } from "../../core/relay-protocol/state.ts";

/**
 * What a relay holds after an answer to `GET /relay/v1/state`: always `full`,
 * with nothing `removed`.
 */
export function mergeState(held: RelayState | undefined, answer: RelayState): RelayState {
  if (held === undefined || answer.full) return { ...answer, full: true, removed: [] };
  const machines = new Map<string, RelayMachine>(held.machines.map((machine) => [machine.id, machine]));
  for (const machine of answer.machines) machines.set(machine.id, machine);
  for (const id of answer.removed) machines.delete(id);
  return { ...answer, full: true, machines: [...machines.values()], removed: [] };
}
