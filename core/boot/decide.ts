import type { Mac } from "../addresses.ts";
import { advance, isActive } from "./attempt.ts";
import type { Attempt, Machine } from "./model.ts";

/** What is known when a boot script is asked for. */
export type BootRequest = {
  /** The machine that owns the MAC in the path. */
  readonly machine: Machine | null;
  /** The MAC that the relay observed; `null` where it could not tell. */
  readonly observedMac: Mac | null;
  /** The machine's active attempt. */
  readonly attempt: Attempt | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

/**
 * What the machine boots. All `local` decisions lead to the same bytes; `reason`
 * is for the timeline. `attempt`, where given, is the attempt's new value.
 */
export type BootDecision =
  | { readonly kind: "local"; readonly reason: LocalReason; readonly attempt: Attempt | null }
  | { readonly kind: "install"; readonly attempt: Attempt };

export type LocalReason =
  | "unknown-machine"
  | "not-observed"
  | "observed-mismatch"
  | "not-armed"
  | "already-committed"
  | "boot-loop"
  | "ended";

/** Decides one boot. The safe default, whatever is missing or wrong, is the local disk. */
export function decide({ machine, observedMac, attempt, now }: BootRequest): BootDecision {
  if (machine === null) return { kind: "local", reason: "unknown-machine", attempt: null };
  const attested = attest(machine, observedMac);
  if (attested !== "match") return { kind: "local", reason: attested, attempt: null };
  if (attempt === null || !isActive(attempt)) return { kind: "local", reason: "not-armed", attempt: null };

  const transition = advance(attempt, { type: "serve" }, now);
  if (transition.kind === "moved") return { kind: "install", attempt: transition.attempt };
  // "serve" either moves or is refused.
  const reason = transition.kind === "refused" ? transition.reason : "ended";
  return { kind: "local", reason: reason === "not-served" ? "ended" : reason, attempt: transition.attempt };
}

/**
 * Compares what the relay observed with the machine that the path names. Any of
 * the machine's MACs will do: siblings of a bond boot from either.
 */
export function attest(
  machine: Machine,
  observedMac: Mac | null,
): "match" | "not-observed" | "observed-mismatch" {
  if (observedMac === null) return "not-observed";
  return machine.macs.includes(observedMac) ? "match" : "observed-mismatch";
}
