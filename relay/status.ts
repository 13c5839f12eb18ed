import type { ImageCacheStats } from "./cache/image-cache.ts";
import type { RelayConfig } from "./config/model.ts";
import type { Clock } from "./clock.ts";
import type { Contact, ContactState } from "./control-plane/contact.ts";
import type { Priority } from "./http/gate.ts";
import type { InterfaceView } from "./interface-view.ts";
import type { JournalStats } from "./journal/journal.ts";
import type { MirrorStats } from "./mirror/mirror.ts";

/** What a running relay tells of itself; nothing in it is secret. */
export type RelayStatus = {
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly stateDir: string;
  readonly relay: string;
  /** `name` once the site's state was heard or read. */
  readonly site: { readonly id: string; readonly name: string | null };
  /** Whether there is nothing that somebody has to see to. */
  readonly healthy: boolean;
  readonly problems: readonly string[];
  /** Configured fields that take effect when the relay is restarted. */
  readonly waitingForRestart: readonly string[];
  readonly controlPlane: {
    readonly url: string;
    readonly state: ContactState;
    /** Why it is unreachable. */
    readonly reason: string | null;
    /** ISO 8601; `null`: none since the start. */
    readonly lastContact: string | null;
  };
  /** How far the host's clock is ahead; 0 where it agrees with the control plane's. */
  readonly clockErrorSeconds: number;
  readonly interfaces: readonly InterfaceStatus[];
  readonly http: Readonly<Record<Priority, number>>;
  readonly cache: ImageCacheStats & { readonly maxBytes: number };
  readonly mirrors: MirrorStats;
  readonly journal: JournalStats;
};

export type InterfaceStatus = {
  readonly name: string;
  readonly dhcp: InterfaceView["mode"];
  /** E.g. `192.168.77.1:8080`; `null` while it is not served. */
  readonly http: string | null;
  /** Why it is not, or not wholly, served. */
  readonly problem: string | null;
  readonly pools: readonly { readonly network: string; readonly size: number; readonly leased: number }[];
  readonly transfers: number;
};

/** What a status is made of: how the parts of a relay are just now. */
export type StatusSource = {
  readonly version: string;
  readonly startedAt: number;
  readonly config: RelayConfig;
  readonly relayId: string;
  readonly site: RelayStatus["site"];
  readonly waitingForRestart: readonly string[];
  readonly contact: Pick<Contact, "state" | "reason" | "lastTime">;
  readonly clock: Pick<Clock, "errorMs">;
  readonly interfaces: readonly InterfaceView[];
  /** Addresses in use by network. */
  readonly leasesInUse: ReadonlyMap<string, number>;
  readonly underWay: Readonly<Record<Priority, number>>;
  readonly images: ImageCacheStats & { readonly maxBytes: number };
  readonly mirrors: MirrorStats;
  readonly journal: JournalStats;
  /** Why boot files cannot be served. */
  readonly bootFilesProblem: string | undefined;
};

/** Says how a relay is, and what is wrong with it. */
export function describeStatus(source: StatusSource): RelayStatus {
  const { contact, clock, journal, config } = source;
  const problems = findProblems(source);
  const lastTime = contact.lastTime();
  return {
    version: source.version,
    startedAt: new Date(source.startedAt).toISOString(),
    stateDir: config.stateDir,
    relay: source.relayId,
    site: source.site,
    healthy: problems.length === 0,
    problems,
    waitingForRestart: source.waitingForRestart,
    controlPlane: {
      url: config.controlPlane.url,
      state: contact.state,
      reason: contact.reason ?? null,
      lastContact: lastTime === undefined ? null : new Date(lastTime).toISOString(),
    },
    clockErrorSeconds: Math.round(clock.errorMs / 1000),
    interfaces: source.interfaces.map((view) => describeInterface(view, source.leasesInUse)),
    http: source.underWay,
    cache: source.images,
    mirrors: source.mirrors,
    journal,
  };
}

function describeInterface(
  { name, mode, http, failure, subnets, transfers }: InterfaceView,
  leasesInUse: ReadonlyMap<string, number>,
): InterfaceStatus {
  return {
    name,
    dhcp: mode,
    http: http === undefined ? null : `${http.address}:${http.port}`,
    problem: failure ?? null,
    pools: (subnets ?? []).map((subnet) => ({
      network: subnet.name,
      size: subnet.size,
      leased: leasesInUse.get(subnet.name) ?? 0,
    })),
    transfers,
  };
}

function findProblems(source: StatusSource): string[] {
  const { contact, clock, journal, interfaces, bootFilesProblem } = source;
  const problems = interfaces.flatMap(({ name, failure }) =>
    failure === undefined ? [] : [`${name} is not wholly served: ${failure}`],
  );
  if (contact.state === "unauthorized") {
    problems.push(
      "the control plane refuses this relay's credentials: run `pxedge relay join` again with a new join token",
    );
  } else if (contact.state === "unreachable") {
    problems.push(`the control plane cannot be reached: ${contact.reason ?? "it does not answer"}`);
  }
  if (bootFilesProblem !== undefined) problems.push(bootFilesProblem);
  if (journal.diskFailed) problems.push("events cannot be written to stateDir: they are kept in memory");
  if (clock.errorMs !== 0) {
    const seconds = Math.round(Math.abs(clock.errorMs) / 1000);
    problems.push(
      `this host's clock is ${seconds} s ${clock.errorMs < 0 ? "behind" : "ahead of"} the control plane's: set it by NTP`,
    );
  }
  return problems;
}
