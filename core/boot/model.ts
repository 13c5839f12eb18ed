import type { Mac } from "../addresses.ts";
import type { VariableValue } from "../render/variables.ts";

export type Variables = Readonly<Record<string, VariableValue>>;

/** One or more MACs of one box; belongs to one site. */
export type Machine = {
  /** Immutable, so that a NIC swap or a new name keeps the history. */
  readonly id: string;
  readonly name: string;
  readonly macs: readonly Mac[];
  readonly uuid?: string;
  readonly serial?: string;
  readonly address?: string;
  /** Profile that `arm` takes when it names none. */
  readonly profile?: string;
  readonly variables: Variables;
};

/** How a machine boots. */
export type Profile = {
  readonly mode: "install" | "local";
  /** The image that holds kernel and initrds. */
  readonly image?: string;
  /** Paths inside the image. */
  readonly kernel?: string;
  readonly initrds?: readonly string[];
  /** Kernel arguments: mustache in the `kernel-args` context. */
  readonly args?: string;
  /** Answer files by the name they are fetched under. */
  readonly answers?: Readonly<Record<string, AnswerFile>>;
  readonly variables?: Variables;
  /** From the commit until the attempt is called stalled. */
  readonly installDeadlineSeconds?: number;
};

/**
 * `once`: the same bytes again for 15 minutes after the first fetch, then
 * refused. `attempt`: served as long as the attempt lives.
 */
export type AnswerFile = { readonly template: string; readonly lifetime?: "once" | "attempt" };

export const ATTEMPT_STATES = [
  "armed",
  "booting",
  "committed",
  "installing",
  "installed",
  "failed",
  "stalled",
  "expired",
  "disarmed",
] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];

/** One run of an install order. Times are milliseconds since the epoch. */
export type Attempt = {
  readonly id: string;
  readonly machineId: string;
  readonly profile: string;
  readonly profileRevision: string;
  readonly state: AttemptState;
  readonly armedAt: number;
  /** Before a commit, how long the order stands, from arming or from a retry. */
  readonly ttlMs: number;
  /** Before a commit, the end of the order. */
  readonly expiresAt: number;
  /** How long an install may take, from its commit. */
  readonly installDeadlineMs: number;
  /** How often the script was served since the last (re-)arm. */
  readonly serves: number;
  /** Commits so far: never more than 1 + retries. */
  readonly installs: number;
  readonly retries: number;
  readonly committedAt: number | null;
  /** Disarmed after the commit: answers are refused, callbacks still count, nothing is retried. */
  readonly answersRevoked: boolean;
  readonly endedAt: number | null;
  /** Why it ended, where the state alone does not say. */
  readonly reason: string | null;
};
