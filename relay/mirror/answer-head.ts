import type { IncomingHttpHeaders } from "node:http";

/** The head of an answer that is kept. Survives JSON. */
export type KeptHead = {
  readonly status: number;
  /** Those that may be kept: end to end, and no field that the answer itself excludes. */
  readonly headers: IncomingHttpHeaders;
  /** When it came, milliseconds since the epoch. */
  readonly receivedAt: number;
  /** How old it was then (`corrected_initial_age`, RFC 9111 section 4.2.3). */
  readonly initialAgeSeconds: number;
  /** How long from its making on it is fresh. */
  readonly lifetimeSeconds: number;
  /** Whether it never changes under its name, whatever is said of it. */
  readonly isImmutable: boolean;
};

/** An answer's head as it comes, with what decides how long it may be kept. */
export type AnswerHead = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** When it was asked for and when it came, milliseconds since the epoch. */
  readonly requestedAt: number;
  readonly receivedAt: number;
  /** Whether the file never changes under its name. */
  readonly isImmutable: boolean;
  /** Whether it is a list of what a repository holds: such must be of one time. */
  readonly isIndex: boolean;
};

/** An HTTP date, milliseconds since the epoch; `undefined` for none or none that parses. */
export function parseDate(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : time;
}
