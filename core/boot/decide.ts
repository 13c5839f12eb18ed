import type { Mac } from "../addresses.ts";
import { advance, isActive, isBeforeCommit, isHeld } from "./attempt.ts";
import type { Attempt, Machine } from "./model.ts";

/** What is known when a boot script is asked for. */
export type BootRequest = {
  /** The machine that owns the MAC in the path. */
  readonly machine: Machine | null;
  /** The MAC that the relay observed; `null` where it could not tell. */
  readonly observedMac: Mac | null;
  /** The machine's latest attempt, whatever has become of it. */
  readonly attempt: Attempt | null;
  /** Whether installs may begin now, see `isWithinWindows`. */
  readonly windowOpen: boolean;
  readonly unarmed: UnarmedBoot;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

/**
 * What the machine boots where nothing is armed, by its profile and by what was
 * chosen in its menu:
 * - `none`: its disk;
 * - `missing`: a profile that has no revision here, or one that cannot be read;
 * - `no-such-item`: a choice that the menu does not have;
 * - `install`: an item that installs. `menuInstall`: the site allows that;
 *   `shown`: the choice names the menu that was last shown to this machine, and
 *   nothing was armed by that one yet.
 */
export type UnarmedBoot =
  | { readonly kind: "none" | "missing" | "no-such-item" | "live" | "chain" | "san" | "menu" }
  | { readonly kind: "install"; readonly menuInstall: boolean; readonly shown: boolean };

/**
 * What the machine boots. All `local` decisions lead to the same bytes; `reason`
 * is for the timeline. `attempt`, where given, is the attempt's new value.
 * `arm`: the choice is an order to install, to be carried out and then served.
 */
export type BootDecision =
  | { readonly kind: "local"; readonly reason: LocalReason; readonly attempt: Attempt | null }
  | { readonly kind: "install" | "rescue" | "hold"; readonly attempt: Attempt }
  | { readonly kind: "live" | "chain" | "san" | "menu" | "arm"; readonly attempt: null };

export type LocalReason =
  | "unknown-machine"
  | "not-observed"
  | "observed-mismatch"
  | "not-armed"
  | "outside-window"
  | "already-committed"
  | "boot-loop"
  | "ended"
  | "profile-missing"
  | "no-such-item"
  | "menu-install-off"
  | "menu-not-shown"
  /** The order that a choice is was refused. */
  | "menu-install-refused";

/** Decides one boot. The safe default, whatever is missing or wrong, is the local disk. */
export function decide(request: BootRequest): BootDecision {
  const { machine, observedMac, attempt, windowOpen, now } = request;
  if (machine === null) return local("unknown-machine");
  const attested = attest(machine, observedMac);
  if (attested !== "match") return local(attested);
  if (attempt === null) return decideUnarmed(request);
  if (!isActive(attempt)) return isHeld(attempt) ? decideFailed(attempt) : decideUnarmed(request);
  // The order stands, and is not counted as served: a machine that boots at night only is in no boot loop.
  if (isBeforeCommit(attempt) && !windowOpen) return local("outside-window");

  const transition = advance(attempt, { type: "serve" }, now);
  if (transition.kind === "moved") return { kind: "install", attempt: transition.attempt };
  if (isHeld(transition.attempt)) return decideFailed(transition.attempt);
  // "serve" either moves or is refused.
  const reason = transition.kind === "refused" ? transition.reason : "ended";
  return local(reason === "not-served" ? "ended" : reason, transition.attempt);
}

function decideFailed(attempt: Attempt): BootDecision {
  return { kind: attempt.onFailure === "rescue" ? "rescue" : "hold", attempt };
}

function decideUnarmed({ unarmed, windowOpen }: BootRequest): BootDecision {
  switch (unarmed.kind) {
    case "none":
      return local("not-armed");
    case "missing":
      return local("profile-missing");
    case "no-such-item":
      return local("no-such-item");
    case "install":
      if (!unarmed.menuInstall) return local("menu-install-off");
      if (!windowOpen) return local("outside-window");
      return unarmed.shown ? { kind: "arm", attempt: null } : local("menu-not-shown");
    case "live":
    case "chain":
    case "san":
    case "menu":
      return { kind: unarmed.kind, attempt: null };
  }
}

function local(reason: LocalReason, attempt: Attempt | null = null): BootDecision {
  return { kind: "local", reason, attempt };
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
