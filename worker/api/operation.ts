import type * as z from "zod";
import type { ProblemType } from "../problem.ts";

/** What a response of the API holds. */
export type ResponseSchema = {
  readonly description: string;
  /** Of its JSON body; absent: it has none. */
  readonly schema?: z.ZodType;
  /** Whether it carries an `ETag`. */
  readonly tagged?: boolean;
};

/**
 * One route of the API: the router, the validation of what comes in and the
 * OpenAPI document are all made of it.
 */
export type Operation = {
  readonly method: "get" | "put" | "post" | "patch" | "delete";
  /** Below `/api/v1`, with parameters as `{name}`. */
  readonly path: `/${string}`;
  /** Stable: clients that are generated from the document name their methods by it. */
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** Every parameter of the path. */
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The most that its body holds; 1 MiB by default. */
  readonly maxBytes?: number;
  /** Instead of a JSON body: bytes, which the handler reads itself. */
  readonly bytes?: true;
  /** Takes `If-Match` and `If-None-Match` for a change, `If-None-Match` for a read. */
  readonly conditional?: true;
  /** Takes an `Idempotency-Key`. */
  readonly idempotent?: true;
  /** No API token is asked for. */
  readonly public?: true;
  readonly responses: Readonly<Partial<Record<200 | 201 | 204, ResponseSchema>>>;
  /** Beside those that follow from the members above, see `problemsOf`. */
  readonly problems?: readonly ProblemType[];
};

/** Groups of operations, in the order of the document. */
export const TAGS = {
  sites: "Sites, and what unknown machines do there",
  relays: "Relays, and machines without one",
  machines: "Machines of a site",
  installs: "Orders to install, and what became of them",
  events: "What happened, layer by layer",
  profiles: "How machines boot",
  templates: "What answer files are rendered from",
  images: "Files that machines boot and install from",
  "boot-files": "What `/f/:file` serves to machines without a relay",
  secrets: "Values that templates name; they go in and never come out",
  access: "API tokens, and who changed what",
} as const;
export type Tag = keyof typeof TAGS;

/** Every problem that an operation may answer with. */
export function problemsOf(operation: Operation): ReadonlySet<ProblemType> {
  const { method, params, query, body, bytes, conditional, idempotent } = operation;
  const writes = method !== "get";
  return new Set<ProblemType>([
    ...(operation.public ? ([] as const) : (["unauthorized", "forbidden"] as const)),
    ...(query !== undefined ? (["bad-request"] as const) : []),
    ...(params !== undefined ? (["not-found", "invalid"] as const) : []),
    ...(body !== undefined ? (["bad-request", "too-large", "invalid"] as const) : []),
    ...(bytes ? (["bad-request", "too-large"] as const) : []),
    ...(conditional && writes ? (["precondition-failed"] as const) : []),
    ...(idempotent ? (["idempotency-mismatch"] as const) : []),
    ...(operation.problems ?? []),
    "unavailable",
  ]);
}
