import type { RelayMachine } from "../../core/relay-protocol/state.ts";

/** Machines that the site knows, none with an address of its own. */
export const MACHINES: readonly RelayMachine[] = Array.from({ length: 100 }, (_, n) => ({
  id: `m${n}`,
  name: `machine-${n}`,
  macs: [`02:ff:00:00:00:${n.toString(16).padStart(2, "0")}`],
}));
