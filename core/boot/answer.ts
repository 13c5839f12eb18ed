import { advance } from "./attempt.ts";
import type { AnswerFile, Attempt } from "./model.ts";

/** How long after its first fetch a `once` file is served again, the same bytes. */
export const ONCE_WINDOW_MS = 15 * 60_000;

/** The file that a script fetches to commit where no installer fetches an answer. */
export const COMMIT_FILE = "commit";

export type AnswerDecision =
  | { readonly kind: "serve"; readonly attempt: Attempt; readonly commits: boolean }
  | { readonly kind: "refuse"; readonly attempt: Attempt; readonly reason: AnswerRefusal };

export type AnswerRefusal = "no-such-file" | "revoked" | "spent" | "not-served" | "ended";

/**
 * Decides one fetch of an answer file by a holder of the attempt's capability.
 *
 * @param file `undefined` for a name that the profile does not have; the commit file counts as `attempt`.
 * @param commits `false` for HEAD, which never commits
 * @param firstServedAt when this file was first served under this commit, or `null`
 */
export function decideAnswer(request: {
  attempt: Attempt;
  file: AnswerFile | undefined;
  commits: boolean;
  firstServedAt: number | null;
  now: number;
}): AnswerDecision {
  const { attempt, file, commits, firstServedAt, now } = request;
  if (file === undefined) return { kind: "refuse", attempt, reason: "no-such-file" };
  const current = advance(attempt, { type: "tick" }, now).attempt;
  if (current.answersRevoked) return { kind: "refuse", attempt: current, reason: "revoked" };
  if (current.state === "stalled") return { kind: "refuse", attempt: current, reason: "ended" };
  const transition = advance(current, { type: "commit" }, now);
  if (transition.kind === "refused") {
    return {
      kind: "refuse",
      attempt: transition.attempt,
      reason: transition.reason === "not-served" ? "not-served" : "ended",
    };
  }
  const once = (file.lifetime ?? "once") === "once";
  if (once && firstServedAt !== null && now - firstServedAt > ONCE_WINDOW_MS) {
    return { kind: "refuse", attempt: current, reason: "spent" };
  }
  return commits
    ? { kind: "serve", attempt: transition.attempt, commits: transition.kind === "moved" }
    : { kind: "serve", attempt: current, commits: false };
}
