import type { Mac } from "../../core/addresses.ts";
import { advance, type AttemptEvent } from "../../core/boot/attempt.ts";
import type { Attempt } from "../../core/boot/model.ts";
import { findByCapability, saveAttempt } from "./attempts.ts";
import type { BootEvent, CallbackName } from "../../core/relay-protocol/events.ts";
import type { ReportedEvent } from "../schemas/events.ts";
import { hasEvent, noteBoot } from "./events.ts";
import { findLiveBoot } from "./live-boots.ts";
import { findMachine, machineIdOfMac } from "./machines.ts";
import { passTime } from "./orders.ts";

/** What an installer reports about itself. */
export type CallbackRequest = {
  readonly secretHash: string;
  readonly event: CallbackName;
  /** What it said, shortened. */
  readonly message: string;
  readonly observedMac: Mac | null;
  /** Where a relay heard it: the id under which it may come again, and when that was. */
  readonly heard?: Pick<BootEvent, "id" | "at">;
};

/** `taken` under an attempt, or from a live system, which has none. */
export type CallbackOutcome =
  | { readonly kind: "taken"; readonly attempt: string | null }
  | { readonly kind: "refused" };

/**
 * Takes a callback: idempotent, and it touches only its own attempt. Refused,
 * for example, where another machine of the site sends it. A MAC that no machine
 * has is believed: an installer may speak from a NIC, a bridge or a bond that
 * was never registered.
 */
export function takeCallback(sql: SqlStorage, now: number, request: CallbackRequest): CallbackOutcome {
  const { event, message, observedMac, heard } = request;
  const refuse = (attempt: Attempt | null, reason: string): CallbackOutcome => {
    const detail = { event, reason };
    noteBoot(sql, attempt, observedMac, { stage: "callback", name: "refused", detail }, now);
    return { kind: "refused" };
  };
  const found = findByCapability(sql, request.secretHash);
  const taken: CallbackOutcome = { kind: "taken", attempt: found?.attempt.id ?? null };
  if (heard !== undefined && hasEvent(sql, heard.id)) return taken;
  const sender = observedMac === null ? null : machineIdOfMac(sql, observedMac);
  if (found === null) {
    const live = findLiveBoot(sql, request.secretHash, now);
    if (live === null) return refuse(null, "unknown-capability");
    if (sender !== null && sender !== live.boot.machineId) return refuse(null, "another-machine");
    // A live system has no attempt that it could move; what it says is kept.
    const detail = { profile: live.pinned.profile.name, ...(message !== "" && { message }) };
    const mac = observedMac ?? findMachine(sql, live.boot.machineId)?.macs[0] ?? null;
    noteBoot(sql, null, mac, { stage: "callback", name: event, detail }, now, heard);
    return taken;
  }
  if (sender !== null && sender !== found.attempt.machineId) return refuse(found.attempt, "another-machine");
  const attempt = passTime(sql, found.attempt, now);
  let after = attempt;
  if (event !== "log") {
    const attemptEvent: AttemptEvent =
      event === "failed"
        ? { type: "failed", reason: message || "the installer reported a failure" }
        : { type: event };
    after = advance(attempt, attemptEvent, happenedAt(attempt, heard, now)).attempt;
    saveAttempt(sql, after);
  }
  const mac = observedMac ?? findMachine(sql, attempt.machineId)?.macs[0] ?? null;
  const detail = { state: after.state, ...(message !== "" && { message }) };
  noteBoot(sql, attempt, mac, { stage: "callback", name: event, detail }, now, heard);
  return taken;
}

/** No later than now and no earlier than the install: a relay's clock may be wrong. */
function happenedAt(attempt: Attempt, heard: CallbackRequest["heard"], now: number): number {
  if (heard === undefined) return now;
  return Math.min(now, Math.max(Date.parse(heard.at), attempt.committedAt ?? attempt.armedAt));
}

/** A callback that a relay acknowledged in our place, while it could not reach us. */
type JournalledCallback = ReportedEvent & { readonly name: CallbackName; readonly capabilityHash: string };

export function isJournalledCallback(event: ReportedEvent): event is JournalledCallback {
  return event.capabilityHash !== undefined;
}

/** Takes it as if it had come when the relay heard it. What is refused is noted, and not for the relay to know. */
export function takeJournalledCallback(sql: SqlStorage, now: number, callback: JournalledCallback): void {
  const { id, at, mac, name, capabilityHash, detail } = callback;
  const message = typeof detail["message"] === "string" ? detail["message"] : "";
  takeCallback(sql, now, {
    secretHash: capabilityHash,
    event: name,
    message,
    observedMac: mac,
    heard: { id, at },
  });
}
