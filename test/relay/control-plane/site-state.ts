import type { RelayMachine, RelayState } from "../../../core/relay-protocol/state.ts";

/** The site of tests and benchmarks. */
export const SITE = { id: "s1", name: "berlin", bootWaitSeconds: 300 } as const;

export function machine(id: string, more: Partial<RelayMachine> = {}): RelayMachine {
  return { id, name: `node-${id}`, macs: ["52:54:00:00:00:01"], ...more };
}

/** What a control plane tells a relay of a site; of one without machines, unless told otherwise. */
export function state(more: Partial<RelayState> = {}): RelayState {
  return {
    revision: 1,
    full: true,
    site: SITE,
    machines: [],
    removed: [],
    imageKeys: [],
    prefetch: [],
    ...more,
  };
}
