import type { Mac } from "../../core/addresses.ts";
import { advance, type AttemptEvent } from "../../core/boot/attempt.ts";
import { findByCapability, saveAttempt } from "./attempts.ts";
import { noteBoot } from "./events.ts";
import { findMachine } from "./machines.ts";

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
    noteBoot(sql, null, observedMac, { stage: "callback", name: "refused", detail: { event } }, now);
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
  noteBoot(sql, attempt, mac, { stage: "callback", name: event, detail }, now);
  return true;
}
