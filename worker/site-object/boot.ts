import type { Ipv4, Mac } from "../../core/addresses.ts";
import { COMMIT_FILE, decideAnswer } from "../../core/boot/answer.ts";
import { attestationOf } from "../../core/boot/attestation.ts";
import { advance, type AttemptEvent } from "../../core/boot/attempt.ts";
import { attest, decide } from "../../core/boot/decide.ts";
import type { AnswerFile, Attempt } from "../../core/boot/model.ts";
import type { RenderView } from "../../core/boot/view.ts";
import type { BootEventInput } from "../../core/relay-protocol/events.ts";
import { formatCapability } from "../credentials.ts";
import {
  claimedMacOf,
  findActiveAttempt,
  findByCapability,
  firstServedAt,
  noteServed,
  replaceCapability,
  saveAttempt,
} from "./attempts.ts";
import { recordDiscovered, type SmbiosClaims } from "./discovered.ts";
import { recordOwnEvent } from "./events.ts";
import type { SiteIdentity } from "./identity.ts";
import { findByMac, findMachine } from "./machines.ts";
import type { Pinned } from "./pinned.ts";
import { renderAnswer, viewOf } from "./render.ts";

/** How a machine asks for its boot script. */
export type ScriptRequest = {
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
  context: { site: SiteIdentity; direct: boolean; secret: string; secretHash: string; now: number },
  request: ScriptRequest,
): ScriptPlan {
  const { site, direct, now } = context;
  const unobserved = direct || request.observedMac === null;
  const claimedMac = unobserved && takesClaims(site, direct, request.clientIp) ? request.mac : null;
  const machine = findByMac(sql, request.mac);
  const active = machine === null ? null : findActiveAttempt(sql, machine.id);
  const decision = decide({
    machine,
    observedMac: unobserved ? claimedMac : request.observedMac,
    attempt: active?.attempt ?? null,
    now,
  });
  if (decision.attempt !== null) saveAttempt(sql, decision.attempt);

  const detail = {
    kind: decision.kind,
    ...(decision.kind === "local" && { reason: decision.reason }),
    ...(direct && { via: "direct" }),
    ...(unobserved && { macClaimed: claimedMac !== null }),
  };
  note(sql, decision.attempt, request.mac, { stage: "decision", name: "served", detail }, now);
  // Only what a relay saw itself: a stranger could else fill the list with names of its own.
  const strange = machine === null && !direct && request.observedMac === request.mac;
  if (strange && site.policy === "discover") {
    const { mac, clientIp, smbios } = request;
    if (recordDiscovered(sql, { ...smbios, mac, ip: clientIp }, now)) {
      const seen = Object.fromEntries(Object.entries(smbios).filter(([, value]) => value !== undefined));
      note(sql, null, mac, { stage: "decision", name: "discovered", detail: seen }, now);
    }
  }
  if (decision.kind === "local" && decision.reason === "boot-loop") {
    note(sql, decision.attempt, request.mac, { stage: "decision", name: "boot-loop", detail: {} }, now);
  }
  if (decision.kind === "local" && decision.reason === "already-committed") {
    note(sql, decision.attempt, request.mac, { stage: "callback", name: "rebooted", detail: {} }, now);
  }
  if (decision.kind === "local" || machine === null || active === null) return { kind: "local" };

  replaceCapability(sql, decision.attempt.id, context.secretHash, claimedMac);
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

/** How an installer asks for one of its answers. */
export type AnswerRequest = {
  readonly capability: string;
  readonly secretHash: string;
  readonly file: string;
  /** `false` for HEAD. */
  readonly commits: boolean;
  readonly observedMac: Mac | null;
  readonly clientIp: Ipv4 | null;
  readonly baseUrl: string;
};

/** `refused` is one and the same for every wrong request; the reason is in the event. */
export type AnswerOutcome = { readonly kind: "served"; readonly text: string } | { readonly kind: "refused" };

/**
 * Serves an answer. The first one commits the attempt, in the caller's
 * transaction; rendering comes before, so that what cannot be rendered commits
 * nothing.
 */
export function openAnswer(
  sql: SqlStorage,
  context: {
    site: SiteIdentity;
    direct: boolean;
    /** In plain, those that this answer names. */
    secrets: Readonly<Record<string, string>>;
    /** The image as a whole, where this answer names it. */
    treePath: string | undefined;
    now: number;
  },
  request: AnswerRequest,
): AnswerOutcome {
  const { site, direct, secrets, treePath, now } = context;
  // Where nobody observed it, the capability itself says who asks, and only one that was handed out that way.
  const unobserved = direct || request.observedMac === null;
  const takesClaim = unobserved && takesClaims(site, direct, request.clientIp);
  const claimedMac = takesClaim ? claimedMacOf(sql, request.secretHash) : null;
  const observedMac = unobserved ? claimedMac : request.observedMac;
  const refuse = (attempt: Attempt | null, reason: string): AnswerOutcome => {
    const detail = { reason, file: request.file, ...(direct && { via: "direct" }) };
    note(sql, attempt, observedMac, { stage: "answer", name: "refused", detail }, now);
    return { kind: "refused" };
  };

  const found = findByCapability(sql, request.secretHash);
  if (found === null) return refuse(null, "unknown-capability");
  const { attempt, pinned } = found;
  const machine = findMachine(sql, attempt.machineId);
  if (machine === null) return refuse(attempt, "machine-removed");
  const attested = attest(machine, observedMac);
  if (attested !== "match" || observedMac === null) return refuse(attempt, attested);

  const file = answerFile(pinned, request.file);
  const decision = decideAnswer({
    attempt,
    file,
    commits: request.commits,
    firstServedAt: firstServedAt(sql, attempt, request.file),
    now,
  });
  if (decision.kind === "refuse" || file === undefined) {
    saveAttempt(sql, decision.attempt);
    return refuse(decision.attempt, decision.kind === "refuse" ? decision.reason : "no-such-file");
  }

  const text =
    request.file === COMMIT_FILE
      ? "committed\n"
      : renderAnswer(
          pinned,
          file.template,
          viewOf({
            machine,
            mac: observedMac,
            site,
            attemptId: attempt.id,
            capability: request.capability,
            baseUrl: request.baseUrl,
            pinned,
            secrets,
            treePath,
          }),
        );
  saveAttempt(sql, decision.attempt);
  if (request.commits) noteServed(sql, decision.attempt, request.file, now);
  const detail = { file: request.file, ...(direct && { via: "direct" }) };
  if (decision.commits) {
    note(sql, decision.attempt, observedMac, { stage: "answer", name: "committed", detail }, now);
  }
  if (request.commits) {
    const names = Object.keys(secrets).join(",");
    const served = { ...detail, ...(names !== "" && { secrets: names }) };
    note(sql, decision.attempt, observedMac, { stage: "answer", name: "served", detail: served }, now);
  }
  return { kind: "served", text };
}

/** What an installer reports about itself. */
export type CallbackRequest = {
  readonly secretHash: string;
  readonly event: "started" | "progress" | "installed" | "failed" | "log";
  /** What it said, shortened. */
  readonly message: string;
  readonly observedMac: Mac | null;
};

/** Takes a callback: idempotent, and it touches only its own attempt. `false`: refused. */
export function takeCallback(sql: SqlStorage, now: number, request: CallbackRequest): boolean {
  const { event, message, observedMac } = request;
  const found = findByCapability(sql, request.secretHash);
  if (found === null) {
    note(sql, null, observedMac, { stage: "callback", name: "refused", detail: { event } }, now);
    return false;
  }
  const { attempt } = found;
  let after = attempt;
  if (event !== "log") {
    const attemptEvent: AttemptEvent =
      event === "failed"
        ? { type: "failed", reason: message || "the installer reported a failure" }
        : { type: event };
    after = advance(attempt, attemptEvent, now).attempt;
    saveAttempt(sql, after);
  }
  const mac = observedMac ?? findMachine(sql, attempt.machineId)?.macs[0] ?? null;
  const detail = { state: after.state, ...(message !== "" && { message }) };
  note(sql, attempt, mac, { stage: "callback", name: event, detail }, now);
  return true;
}

/** Whether a machine that nobody observed is believed: by the site's settings, never by its own word. */
function takesClaims(site: SiteIdentity, direct: boolean, clientIp: Ipv4 | null): boolean {
  return direct ? site.directInstall : attestationOf(site.attestation, clientIp) === "preferred";
}

/** The commit file exists beside every profile's own answers. */
function answerFile(pinned: Pinned, file: string): AnswerFile | undefined {
  if (file === COMMIT_FILE) return { template: COMMIT_FILE, lifetime: "attempt" };
  const answers = pinned.profile.document.answers ?? {};
  return Object.hasOwn(answers, file) ? answers[file] : undefined;
}

type OwnEvent = {
  [E in BootEventInput as E["stage"]]: Pick<E, "stage" | "name" | "detail">;
}[BootEventInput["stage"]];

function note(sql: SqlStorage, attempt: Attempt | null, mac: Mac | null, event: OwnEvent, now: number): void {
  const input = { ...event, mac, ...(attempt !== null && { attempt: attempt.id }) } as BootEventInput;
  recordOwnEvent(sql, input, now);
}
