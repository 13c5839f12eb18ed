import type { Mac } from "../../core/addresses.ts";
import { advance, type AttemptEvent } from "../../core/boot/attempt.ts";
import type { Attempt } from "../../core/boot/model.ts";
import { findByCapability, saveAttempt } from "./attempts.ts";
import { noteBoot } from "./events.ts";
import { findMachine, machineIdOfMac } from "./machines.ts";
import { passTime } from "./orders.ts";

/** What an installer reports about itself. */
export type CallbackRequest = {
  readonly secretHash: string;
  readonly event: "started" | "progress" | "installed" | "failed" | "log";
  /** What it said, shortened. */
  readonly message: string;
  readonly observedMac: Mac | null;
};

/**
 * Takes a callback: idempotent, and it touches only its own attempt. `false`:
 * refused, as where another machine of the site sends it. A MAC that no machine
 * has is believed: an installer may speak from a NIC, a bridge or a bond that
 * was never registered.
 */
export function takeCallback(sql: SqlStorage, now: number, request: CallbackRequest): boolean {
  const { event, message, observedMac } = request;
  const refuse = (attempt: Attempt | null, reason: string): false => {
    const detail = { event, reason };
    noteBoot(sql, attempt, observedMac, { stage: "callback", name: "refused", detail }, now);
    return false;
  };
  const found = findByCapability(sql, request.secretHash);
  if (found === null) return refuse(null, "unknown-capability");
  const sender = observedMac === null ? null : machineIdOfMac(sql, observedMac);
  if (sender !== null && sender !== found.attempt.machineId) return refuse(found.attempt, "another-machine");
  const attempt = passTime(sql, found.attempt, now);
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
  noteBoot(sql, attempt, mac, { stage: "callback", name: event, detail }, now);
  return true;
}
