import type { Context } from "hono";
import type * as z from "zod";
import type { SiteCredential } from "./credentials.ts";
import type { Env } from "./env.ts";
import { ProblemError, type FieldError } from "./problem.ts";

/** Hono's environment for every route here. */
export type App = { Bindings: Env; Variables: { relay: SiteCredential; client: Client } };
export type AppContext = Context<App>;

/** Who asks on behalf of a machine, or is one: whether the credential is good is for its SiteObject to say. */
export type Client = {
  readonly credential: SiteCredential;
  /** What precedes the client paths in this request's path: nothing through a relay, else `/s/TOKEN`. */
  readonly prefix: string;
};

const MAX_BODY_BYTES = 1 << 20;

/**
 * The request's JSON body, checked against its schema.
 *
 * @throws ProblemError `too-large`, `bad-request` (not JSON) or `invalid`, with every wrong field
 */
export async function readBody<S extends z.ZodType>(c: AppContext, schema: S): Promise<z.output<S>> {
  const text = await readText(c);
  try {
    return check(schema, text === "" ? {} : JSON.parse(text));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new ProblemError({ type: "bad-request", detail: `the body is not JSON: ${cause.message}` });
  }
}

/** The body as text; `too-large` above 1 MiB, whether announced or not. */
export async function readText(c: AppContext): Promise<string> {
  const tooLarge = new ProblemError({
    type: "too-large",
    detail: `a body holds at most ${MAX_BODY_BYTES} bytes`,
  });
  if (Number(c.req.header("content-length") ?? "0") > MAX_BODY_BYTES) throw tooLarge;
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw tooLarge;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Checks any value; the problem names every wrong field. */
export function check<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue): FieldError[] => {
    if (issue.code !== "unrecognized_keys")
      return [{ field: formatPath(issue.path), message: issue.message }];
    return issue.keys.map((key) => ({
      field: formatPath([...issue.path, key]),
      message: "is not a known field",
    }));
  });
  const detail = errors
    .map(({ field, message }) => (field === "" ? message : `${field}: ${message}`))
    .join("; ");
  throw new ProblemError({ type: "invalid", detail, errors });
}

/** A path parameter that must have the form of a name. */
export function pathName(c: AppContext, parameter: string, schema: z.ZodType<string>): string {
  return check(schema, c.req.param(parameter));
}

/** A non-negative whole number from the query. */
export function queryInteger(c: AppContext, name: string, fallback: number, max: number): number {
  const text = c.req.query(name);
  if (text === undefined) return fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(value)) {
    const message = "must be a whole number";
    throw new ProblemError({
      type: "bad-request",
      detail: `${name} ${message}`,
      errors: [{ field: name, message }],
    });
  }
  return Math.min(value, max);
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${String(part)}`))
    .join("");
}
