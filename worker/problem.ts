/** Domain errors and the HTTP status each one means: the only such table. */
const PROBLEMS = {
  "bad-request": [400, "The request is malformed"],
  unauthorized: [401, "The credential is missing, unknown or revoked"],
  forbidden: [403, "The token's role does not allow this"],
  "not-found": [404, "There is no such thing here"],
  conflict: [409, "The request conflicts with the present state"],
  "attempt-active": [409, "The machine has an active attempt"],
  "confirmation-required": [409, "More is affected than goes without a confirmation"],
  "precondition-failed": [412, "The document has changed since it was read"],
  "too-large": [413, "The request body is too large"],
  invalid: [422, "The document is invalid"],
  "idempotency-mismatch": [422, "The Idempotency-Key belongs to another order"],
  unavailable: [503, "Not available at the moment; try again"],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemType = keyof typeof PROBLEMS;

/** Every type, as a response names it; stable. */
export const PROBLEM_URNS = Object.keys(PROBLEMS).map((type) => problemUrn(type as ProblemType));

/** `urn:pxedge:problem:TYPE`. */
export function problemUrn(type: ProblemType): string {
  return `urn:pxedge:problem:${type}`;
}

export function problemStatus(type: ProblemType): number {
  return PROBLEMS[type][0];
}

export function problemTitle(type: ProblemType): string {
  return PROBLEMS[type][1];
}

/** A field that is wrong, as a path into the document, and why. */
export type FieldError = { readonly field: string; readonly message: string };

/** What went wrong, as it crosses the boundary of a Durable Object. */
export type Problem = {
  readonly type: ProblemType;
  readonly detail: string;
  readonly errors?: FieldError[];
};

/** The outcome of a call to a Durable Object: errors cross it as values, not as exceptions. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: Problem };

export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(
  type: ProblemType,
  detail: string,
  errors?: FieldError[],
): { ok: false; problem: Problem } {
  return { ok: false, problem: errors === undefined ? { type, detail } : { type, detail, errors } };
}

/** Thrown inside a route to end it with a problem. */
export class ProblemError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** The value of a result, or a `ProblemError` for the route's error handler. */
export function unwrap<T>(result: Result<T>): T {
  if (!result.ok) throw new ProblemError(result.problem);
  return result.value;
}

/** An `application/problem+json` response (RFC 9457). */
export function problemResponse({ type, detail, errors }: Problem): Response {
  const [status, title] = [problemStatus(type), problemTitle(type)];
  const headers = new Headers({ "content-type": "application/problem+json", "cache-control": "no-store" });
  if (type === "unauthorized") headers.set("www-authenticate", "Bearer");
  if (type === "unavailable") headers.set("retry-after", "2");
  const body = { type: problemUrn(type), title, status, detail, ...(errors && { errors }) };
  return new Response(JSON.stringify(body), { status, headers });
}
