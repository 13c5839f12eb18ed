import type { HoldPlan, RetryPlan } from "../../boot/plan.ts";
import { grubEcho, grubWord } from "./grub-text.ts";

/**
 * Renders the script of a machine that has to ask again: it says why and ends,
 * and stage one, which runs it, waits and asks. (GRUB has no stack for scripts
 * within scripts for days.)
 *
 * @throws ScriptError `unrenderable-value`
 */
export function renderGrubRetry({ message, askAgainSeconds, waitedSeconds, choice }: RetryPlan): string {
  const chosen = choice === undefined ? "" : `&item=${choice.item}&menu=${choice.menu}`;
  return askAgain(message, askAgainSeconds, `?waited=${waitedSeconds}${chosen}`);
}

/** @throws ScriptError `unrenderable-value` */
export function renderGrubHold({ message, askAgainSeconds }: HoldPlan): string {
  return askAgain(message, askAgainSeconds, "");
}

function askAgain(message: readonly string[], seconds: number, query: string): string {
  return [
    ...message.map((line) => grubEcho("message", line)),
    `set pxedge_again=${seconds}`,
    `set pxedge_query=${grubWord("query", query)}`,
    "",
  ].join("\n");
}
