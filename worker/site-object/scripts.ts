import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { Dialect } from "../../core/boot/dialect.ts";
import { formatCapability } from "../../core/boot/capability.ts";
import { latestFetch } from "../../core/boot/attempt.ts";
import { decide, type BootDecision, type LocalReason, type UnarmedBoot } from "../../core/boot/decide.ts";
import type { Attempt } from "../../core/boot/model.ts";
import type { BootPlan } from "../../core/boot/plan.ts";
import type { RenderView } from "../../core/boot/view.ts";
import { isWithinWindows } from "../../core/boot/windows.ts";
import type { EventDetail } from "../../core/relay-protocol/events.ts";
import {
  findActiveAttempt,
  findLatestAttempt,
  pinnedOf,
  replaceCapability,
  saveAttempt,
} from "./attempts.ts";
import { tellAsker } from "./claims.ts";
import { recordDiscovered, type SmbiosClaims } from "./discovered.ts";
import { lastDecisionOf, noteBoot } from "./events.ts";
import type { SiteIdentity } from "./identity.ts";
import { findByMac, type SiteMachine } from "./machines.ts";
import { isMenuFresh } from "./menus.ts";
import { siteIdentity } from "./meta.ts";
import { passTime } from "./orders.ts";
import type { Pinned } from "./pinned.ts";
import { viewOf } from "./render.ts";
import type { MenuChoice, UnarmedProfile } from "./unarmed.ts";
import { armByMenu, holdPlan, openUnarmed, rescuePlan } from "./unarmed-scripts.ts";

/** How a machine asks for its boot script. */
export type ScriptRequest = {
  /** Of the boot loader that asks. */
  readonly dialect: Dialect;
  /** The MAC in the path: a claim. */
  readonly mac: Mac;
  /** The MAC that the relay saw: evidence. Nobody sees one where a machine asks directly. */
  readonly observedMac: Mac | null;
  /** The client's address as the relay saw it. */
  readonly clientIp: Ipv4 | null;
  /** What the machine says of itself. */
  readonly smbios: SmbiosClaims;
  /** Where the machine reaches the client paths, without a trailing slash. */
  readonly baseUrl: string;
  /** What was chosen in a menu, and that menu's token. */
  readonly item: { readonly key: string; readonly menu: string } | null;
};

/** What the Worker signs and renders; only a kernel's script carries anything of a machine. */
export type ScriptPlan = Exclude<BootPlan, { kind: "kernel" | "retry" }> | KernelScript;

/** A script that starts a kernel, its URLs not signed yet. */
export type KernelScript = {
  readonly kind: "kernel";
  readonly pinned: Pinned;
  readonly view: RenderView;
  readonly capability: string;
  /** When the image URLs end: the latest instant at which this boot may still fetch. Milliseconds. */
  readonly urlsExpireAt: number;
};

/** A script, and the attempt that it was decided under, if any. */
export type OpenedScript = { readonly plan: ScriptPlan; readonly attempt: string | null };

/** One request for a script, as all that serves it sees it. */
export type ScriptContext = {
  readonly site: SiteIdentity;
  readonly request: ScriptRequest;
  readonly direct: boolean;
  /** The MAC that is believed without having been observed; `null` where one was observed. */
  readonly claimedMac: Mac | null;
  /** What stands in the script, where something is handed out, and the hash of its secret. */
  readonly capability: string;
  readonly secret: string;
  readonly secretHash: string;
  readonly choice: MenuChoice | null;
  readonly unarmed: UnarmedProfile;
  /** Whether installs may begin now. */
  readonly windowOpen: boolean;
  readonly now: number;
};

/**
 * Decides a boot and, where it starts a kernel, makes `secret` the only
 * capability of that boot. A machine that asks directly, without a relay, is
 * taken at its word where the site allows that, and is a stranger where it does
 * not.
 *
 * @param unarmed what the machine boots unless something is armed
 */
export function openScript(
  sql: SqlStorage,
  given: {
    direct: boolean;
    secret: string;
    secretHash: string;
    choice: MenuChoice | null;
    unarmed: UnarmedProfile;
    now: number;
  },
  request: ScriptRequest,
): OpenedScript {
  const { direct, choice, now } = given;
  const site = siteIdentity(sql);
  const { mac: observedMac, claimedMac, unobserved } = tellAsker(site, direct, request, request.mac);
  const machine = findByMac(sql, request.mac);
  const latest = machine === null ? null : findLatestAttempt(sql, machine.id);
  const attempt = latest === null ? null : passTime(sql, latest, now);
  const windowOpen = isWithinWindows(site.windows, now);
  const capability = formatCapability(site.id, given.secret);
  const context: ScriptContext = { ...given, site, request, claimedMac, capability, windowOpen };
  const known = { machine, observedMac, windowOpen, now };
  const unarmed = machine === null ? ({ kind: "none" } as const) : describeUnarmed(sql, context, machine);
  const first = decide({ ...known, attempt, unarmed });

  const note = (decision: BootDecision, detail: EventDetail = {}): void => {
    const facts = {
      kind: decision.kind,
      ...(decision.kind === "local" && { reason: decision.reason }),
      dialect: request.dialect,
      ...detail,
      ...(choice !== null && { item: choice.item }),
      ...(direct && { via: "direct" }),
      ...(unobserved && { macClaimed: claimedMac !== null }),
    };
    // A machine that is held asks every two minutes, perhaps for a weekend.
    if (decision.kind === "hold" && wasHeld(sql, machine)) return;
    const event = { stage: "decision", name: "served", detail: facts } as const;
    noteBoot(sql, decision.attempt, request.mac, event, now);
  };
  /** For whoever is not known for sure it is the same bytes, whatever the machine needs. */
  const local = (known = machine): ScriptPlan => ({
    kind: "local",
    ...(known?.localBoot !== undefined && { localBoot: known.localBoot }),
  });
  const opened = (plan: ScriptPlan, attempt: Attempt | null = null): OpenedScript => ({
    plan,
    attempt: attempt?.id ?? null,
  });

  if (machine === null) {
    note(first);
    discover(sql, context, direct);
    return opened(local());
  }
  let decision = first;
  if (decision.kind === "arm") {
    const armed = armByMenu(sql, context, machine);
    if (!armed.ok) {
      note(
        { kind: "local", reason: "menu-install-refused", attempt: null },
        { problem: armed.problem.detail },
      );
      return opened(local());
    }
    decision = decide({ ...known, attempt: armed.value, unarmed });
  }
  if (decision.attempt !== null) saveAttempt(sql, decision.attempt);

  switch (decision.kind) {
    case "local":
      note(decision, given.unarmed.kind === "missing" ? { problem: given.unarmed.detail } : {});
      noteUnusual(sql, context, decision.attempt, latest);
      return opened(local(isStrange(decision.reason) ? null : machine), decision.attempt);
    case "hold":
      note(decision);
      noteUnusual(sql, context, decision.attempt, latest);
      return opened(holdPlan(machine, decision.attempt), decision.attempt);
    case "rescue":
      note(decision);
      noteUnusual(sql, context, decision.attempt, latest);
      return opened(rescuePlan(sql, context, machine, decision.attempt), decision.attempt);
    case "install":
      note(decision);
      return opened(installPlan(sql, context, machine, decision.attempt), decision.attempt);
    case "live":
    case "chain":
    case "san":
    case "menu": {
      const booted = openUnarmed(sql, context, machine);
      if (booted.kind === "refused") {
        note({ kind: "local", reason: "profile-missing", attempt: null }, { problem: booted.problem });
        return opened(local());
      }
      const secrets = booted.secrets.join(",");
      note(decision, { profile: booted.profile, ...(secrets !== "" && { secrets }) });
      return opened(booted.plan);
    }
    case "arm":
      throw new Error("a machine that was just armed installs");
  }
}

/** Whether it is not sure which machine asks. */
function isStrange(reason: LocalReason): boolean {
  return reason === "unknown-machine" || reason === "not-observed" || reason === "observed-mismatch";
}

/** Whether it was served the same when it asked last. */
function wasHeld(sql: SqlStorage, machine: SiteMachine | null): boolean {
  return machine !== null && lastDecisionOf(sql, machine.id)?.detail["kind"] === "hold";
}

function describeUnarmed(
  sql: SqlStorage,
  { site, unarmed, choice }: ScriptContext,
  machine: SiteMachine,
): UnarmedBoot {
  if (unarmed.kind !== "install") return { kind: unarmed.kind };
  const shown = choice !== null && isMenuFresh(sql, machine.id, choice.tokenHash);
  return { kind: "install", menuInstall: site.menuInstall, shown };
}

function installPlan(
  sql: SqlStorage,
  { site, request, direct, claimedMac, capability, secretHash }: ScriptContext,
  machine: SiteMachine,
  attempt: Attempt,
): KernelScript {
  replaceCapability(sql, attempt.id, secretHash, { direct, claimedMac });
  const { pinned } = pinnedOf(sql, attempt.id);
  const { mac, baseUrl } = request;
  return {
    kind: "kernel",
    pinned,
    view: viewOf({ machine, mac, site, attemptId: attempt.id, capability, baseUrl, pinned }),
    capability,
    urlsExpireAt: latestFetch(attempt),
  };
}

/** Only what a relay saw itself: a stranger could else fill the list with names of its own. */
function discover(sql: SqlStorage, { site, request, now }: ScriptContext, direct: boolean): void {
  const { mac, clientIp, smbios, observedMac } = request;
  if (direct || observedMac !== mac || site.policy !== "discover") return;
  if (!recordDiscovered(sql, { ...smbios, mac, ip: clientIp }, now)) return;
  const seen = Object.fromEntries(Object.entries(smbios).filter(([, value]) => value !== undefined));
  noteBoot(sql, null, mac, { stage: "decision", name: "discovered", detail: seen }, now);
}

/** What a script request says of an attempt, beside what it was answered. */
function noteUnusual(
  sql: SqlStorage,
  { request, now }: ScriptContext,
  attempt: Attempt | null,
  before: Attempt | null,
): void {
  if (attempt === null) return;
  if (attempt.state === "failed" && before?.state !== "failed") {
    noteBoot(sql, attempt, request.mac, { stage: "decision", name: "boot-loop", detail: {} }, now);
  }
  if (attempt.state === "committed" || attempt.state === "installing" || attempt.state === "stalled") {
    noteBoot(sql, attempt, request.mac, { stage: "callback", name: "rebooted", detail: {} }, now);
  }
}

/** What a boot loader could not do of what was decided: it boots the local disk. */
export type RefusedScript = { readonly mac: Mac; readonly dialect: Dialect; readonly reason: string };

/** Notes for the timeline that a machine did not get what was decided. */
export function noteRefusedScript(
  sql: SqlStorage,
  now: number,
  { mac, dialect, reason }: RefusedScript,
): null {
  const machine = findByMac(sql, mac);
  const active = machine === null ? null : findActiveAttempt(sql, machine.id);
  const detail = { dialect, reason };
  noteBoot(sql, active?.attempt ?? null, mac, { stage: "decision", name: "refused", detail }, now);
  return null;
}
