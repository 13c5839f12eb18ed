import type { HoldPlan, RetryPlan } from "../../boot/plan.ts";
import { ownScriptName, type ScriptPlace } from "./place.ts";
import { pxelinuxLine } from "./pxelinux-text.ts";

/** PXELINUX counts its time in tenths of a second, up to an hour less four of them. */
const MAX_TIMEOUT_TENTHS = 35_996;

/**
 * Renders the config of a machine that has to ask again: it says why, and
 * waits at the prompt, where a key stops the time.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function renderPxelinuxRetry(plan: RetryPlan, place: ScriptPlace): string {
  const { message, askAgainSeconds, waitedSeconds, choice } = plan;
  return renderWait(message, place, askAgainSeconds, { waited: String(waitedSeconds), ...choice });
}

/** @throws ScriptError `unrenderable-value` */
export function renderPxelinuxHold({ message, askAgainSeconds }: HoldPlan, place: ScriptPlace): string {
  return renderWait(message, place, askAgainSeconds, {});
}

function renderWait(
  message: readonly string[],
  place: ScriptPlace,
  seconds: number,
  query: Readonly<Record<string, string>>,
): string {
  return [
    ...message.map((line) => pxelinuxLine("SAY", "message", `pxedge: ${line}`)),
    "PROMPT 1",
    "DEFAULT again",
    ...askAgainLines(place, seconds, query),
    "",
  ].join("\n");
}

/**
 * When the prompt's time is up, the machine's config is read anew. Where that
 * one does not come either, PXELINUX restarts the machine.
 */
export function askAgainLines(
  place: ScriptPlace,
  seconds: number,
  query: Readonly<Record<string, string>> = {},
): string[] {
  return [
    `TIMEOUT ${timeoutTenths(seconds)}`,
    "ONTIMEOUT again",
    "LABEL again",
    `  ${pxelinuxLine("CONFIG", "query", `::${ownScriptName("pxelinux", place, query)}`)}`,
  ];
}

/** At least one: 0 would wait for ever. */
export function timeoutTenths(seconds: number): number {
  return Math.min(Math.max(Math.round(seconds * 10), 1), MAX_TIMEOUT_TENTHS);
}
