import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { Result } from "../problem.ts";

/** How an installer, or a live system, asks for one of its answers. */
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

/** What an answer needs that is opened by an await, so before the transaction that serves it. */
export type AnswerInputs = {
  /** In plain, those that this answer names; a failure where one cannot be decrypted. */
  readonly secrets: Result<Readonly<Record<string, string>>>;
  /** The image as a whole, where this answer names it. */
  readonly treePath: string | undefined;
};

/**
 * `served` under an attempt, or to a live system, which has none;
 * `refused` is one and the same for every wrong request, `unavailable` is a
 * right one whose answer cannot be made now; the reason is in the event.
 */
export type AnswerOutcome =
  | { readonly kind: "served"; readonly text: string; readonly attempt: string | null }
  | { readonly kind: "refused" }
  | { readonly kind: "unavailable" };

/** How an answer is asked for, and what was opened for it. */
export type AnswerContext = {
  readonly direct: boolean;
  readonly inputs: AnswerInputs;
  readonly now: number;
};
