import type { RelayConfig } from "./model.ts";

/** What another configuration comes to for a relay that runs. */
export type ReloadPlan = {
  /** What the relay goes by from now on: as wanted, but for what needs a restart. */
  readonly config: RelayConfig;
  /** Fields that change now, e.g. `cache.maxBytes`, `interfaces.eth1`. */
  readonly changed: readonly string[];
  /** Fields that were changed and stay as they are until a restart. */
  readonly waiting: readonly string[];
};

/** What is bound, opened or agreed on at the start. */
const NEEDS_RESTART = new Set([
  "controlPlane.url",
  "stateDir",
  "tftp.root",
  "tftp.port",
  "http.port",
  "admin.address",
  "admin.port",
  "log.format",
]);

/** Works out what of a new configuration a running relay takes over. */
export function planReload(running: RelayConfig, wanted: RelayConfig): ReloadPlan {
  const fields = changedFields(running, wanted);
  const config: RelayConfig = {
    ...wanted,
    controlPlane: { ...wanted.controlPlane, url: running.controlPlane.url },
    stateDir: running.stateDir,
    tftp: running.tftp,
    http: { ...wanted.http, port: running.http.port },
    admin: running.admin,
    log: { ...wanted.log, format: running.log.format },
  };
  return {
    config,
    changed: fields.filter((field) => !NEEDS_RESTART.has(field)),
    waiting: fields.filter((field) => NEEDS_RESTART.has(field)),
  };
}

/** Names of what differs, two keys deep; interfaces and mirrors by their names. */
function changedFields(running: RelayConfig, wanted: RelayConfig): string[] {
  const [before, after] = [flatten(running), flatten(wanted)];
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}

function flatten({ interfaces, ...rest }: RelayConfig): Map<string, string> {
  const byName = Object.fromEntries(interfaces.map(({ name, dhcp }) => [name, dhcp]));
  const flat = new Map<string, string>();
  for (const [key, value] of Object.entries({ ...rest, interfaces: byName })) {
    if (typeof value !== "object") flat.set(key, JSON.stringify(value));
    else for (const [below, deep] of Object.entries(value)) flat.set(`${key}.${below}`, JSON.stringify(deep));
  }
  return flat;
}
