import type { BootPlan } from "../../core/boot/plan.ts";
import type { Trouble } from "./ask-patiently.ts";

export type RetryOptions = {
  readonly trouble: Trouble["kind"];
  /** What the machine says it has waited. */
  readonly waitedSeconds: number;
  /** What this request took. */
  readonly tookSeconds: number;
  /** `null`: for ever. */
  readonly bootWaitSeconds: number | null;
  readonly choice: { readonly item: string; readonly menu: string } | undefined;
  /** In [0, 1). */
  readonly random: () => number;
};

const SHORTEST_PAUSE_SECONDS = 2;
const LONGEST_PAUSE_SECONDS = 30;

/** What the machine shows: for whoever stands before it. */
const MESSAGES: Record<Trouble["kind"], string> = {
  silent: "the control plane does not answer",
  unreachable: "the control plane cannot be reached from this site",
  failing: "the control plane has an error",
  refused: "the control plane refuses this site's relay: run pxedge relay join on it again",
};

/**
 * What a machine boots for which there is no decision: it asks again after a
 * pause that grows with what it has waited, each between 75 % and 125 %, and
 * boots its local disk once it has waited long enough.
 */
export function planRetry(options: RetryOptions): BootPlan {
  const { bootWaitSeconds, choice, random } = options;
  const waited = options.waitedSeconds + Math.ceil(options.tookSeconds);
  if (bootWaitSeconds !== null && waited >= bootWaitSeconds) return { kind: "local" };
  const base = Math.min(Math.max(waited / 2, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS);
  const pause = Math.max(1, Math.round(base * (0.75 + random() / 2)));
  const left = bootWaitSeconds === null ? Infinity : Math.ceil(bootWaitSeconds - waited);
  const askAgainSeconds = Math.min(pause, left);
  const limit = bootWaitSeconds === null ? "" : ` of ${bootWaitSeconds}`;
  return {
    kind: "retry",
    message: [
      MESSAGES[options.trouble],
      `asking again in ${askAgainSeconds} s (waited ${waited}${limit} s so far)`,
    ],
    askAgainSeconds,
    waitedSeconds: waited + askAgainSeconds,
    ...(choice !== undefined && { choice }),
  };
}
