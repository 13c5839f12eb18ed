import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { Dialect } from "../../core/boot/dialect.ts";
import { formatCapability } from "../../core/boot/capability.ts";
import { decide } from "../../core/boot/decide.ts";
import type { RenderView } from "../../core/boot/view.ts";
import { findActiveAttempt, replaceCapability, saveAttempt } from "./attempts.ts";
import { takesClaims } from "./claims.ts";
import { recordDiscovered, type SmbiosClaims } from "./discovered.ts";
import { noteBoot } from "./events.ts";
import { findByMac } from "./machines.ts";
import { siteIdentity } from "./meta.ts";
import { passTime } from "./orders.ts";
import type { Pinned } from "./pinned.ts";
import { viewOf } from "./render.ts";

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
};

/** What the Worker renders and signs; only an install carries anything of a machine. */
export type ScriptPlan =
  | { readonly kind: "local" }
  | {
      readonly kind: "install";
      readonly pinned: Pinned;
      readonly view: RenderView;
      readonly capability: string;
      /** When the image URLs end: the latest instant at which this attempt may still install. Milliseconds. */
      readonly urlsExpireAt: number;
    };

/**
 * Decides a boot and, where it installs, makes `secret` the attempt's only
 * capability. A machine that asks directly, without a relay, is taken at its
 * word where the site allows that, and is a stranger where it does not.
 */
export function openScript(
  sql: SqlStorage,
  context: { direct: boolean; secret: string; secretHash: string; now: number },
  request: ScriptRequest,
): ScriptPlan {
  const { direct, now } = context;
  const site = siteIdentity(sql);
  const unobserved = direct || request.observedMac === null;
  const claimedMac = unobserved && takesClaims(site, direct, request.clientIp) ? request.mac : null;
  const machine = findByMac(sql, request.mac);
  const active = machine === null ? null : findActiveAttempt(sql, machine.id);
  const decision = decide({
    machine,
    observedMac: unobserved ? claimedMac : request.observedMac,
    attempt: active === null ? null : passTime(sql, active.attempt, now),
    now,
  });
  if (decision.attempt !== null) saveAttempt(sql, decision.attempt);

  const detail = {
    kind: decision.kind,
    ...(decision.kind === "local" && { reason: decision.reason }),
    dialect: request.dialect,
    ...(direct && { via: "direct" }),
    ...(unobserved && { macClaimed: claimedMac !== null }),
  };
  noteBoot(sql, decision.attempt, request.mac, { stage: "decision", name: "served", detail }, now);
  // Only what a relay saw itself: a stranger could else fill the list with names of its own.
  const strange = machine === null && !direct && request.observedMac === request.mac;
  if (strange && site.policy === "discover") {
    const { mac, clientIp, smbios } = request;
    if (recordDiscovered(sql, { ...smbios, mac, ip: clientIp }, now)) {
      const seen = Object.fromEntries(Object.entries(smbios).filter(([, value]) => value !== undefined));
      noteBoot(sql, null, mac, { stage: "decision", name: "discovered", detail: seen }, now);
    }
  }
  if (decision.kind === "local" && decision.reason === "boot-loop") {
    noteBoot(sql, decision.attempt, request.mac, { stage: "decision", name: "boot-loop", detail: {} }, now);
  }
  if (decision.kind === "local" && decision.reason === "already-committed") {
    noteBoot(sql, decision.attempt, request.mac, { stage: "callback", name: "rebooted", detail: {} }, now);
  }
  if (decision.kind === "local" || machine === null || active === null) return { kind: "local" };

  replaceCapability(sql, decision.attempt.id, context.secretHash, { direct, claimedMac });
  const capability = formatCapability(site.id, context.secret);
  return {
    kind: "install",
    pinned: active.pinned,
    view: viewOf({
      machine,
      mac: request.mac,
      site,
      attemptId: decision.attempt.id,
      capability,
      baseUrl: request.baseUrl,
      pinned: active.pinned,
    }),
    capability,
    urlsExpireAt: decision.attempt.expiresAt + decision.attempt.installDeadlineMs,
  };
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
