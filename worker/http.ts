import type { Context } from "hono";
import type * as z from "zod";
import type { Caller } from "./access.ts";
import type { AuditDetail } from "./control-object/audit.ts";
import type { SiteCredential } from "./credentials.ts";
import type { Env } from "./env.ts";
import { checkPrecondition, parsePrecondition, type Precondition } from "./precondition.ts";
import { ProblemError, unwrap } from "./problem.ts";
import { validate } from "./validate.ts";

/** Hono's environment for every route here. */
export type App = {
  Bindings: Env;
  Variables: {
    relay: SiteCredential;
    client: Client;
    caller: Caller;
    auditDetail: AuditDetail;
    dryRun: true;
  };
};
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
export async function readBody<S extends z.ZodType>(
  c: AppContext,
  schema: S,
  maxBytes?: number,
): Promise<z.output<S>> {
  const text = await readText(c, maxBytes);
  try {
    return check(schema, text === "" ? {} : JSON.parse(text));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new ProblemError({ type: "bad-request", detail: `the body is not JSON: ${cause.message}` });
  }
}

/** The body as text; `too-large` above a limit, 1 MiB by default, whether announced or not. */
export async function readText(c: AppContext, maxBytes: number = MAX_BODY_BYTES): Promise<string> {
  const tooLarge = new ProblemError({
    type: "too-large",
    detail: `a body holds at most ${maxBytes} bytes`,
  });
  if (Number(c.req.header("content-length") ?? "0") > maxBytes) throw tooLarge;
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The request's query, checked against its schema. @throws ProblemError `bad-request` */
export function readQuery<S extends z.ZodObject>(c: AppContext, schema: S): z.output<S> {
  const result = validate(schema, c.req.query());
  if (result.ok) return result.value;
  throw new ProblemError({ ...result.problem, type: "bad-request" });
}

/** Checks any value; the problem names every wrong field. */
export function check<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  return unwrap(validate(schema, value));
}

/** What the request's `If-Match` and `If-None-Match` ask for. */
export function preconditionOf(c: AppContext): Precondition {
  return parsePrecondition((name) => c.req.header(name));
}

/** A document with its entity tag; 304 to a reader that has it already. */
export function taggedJson(c: AppContext, etag: string, document: object, status: 200 | 201 = 200): Response {
  c.header("etag", `"${etag}"`);
  const { ifNoneMatch } = preconditionOf(c);
  const isRead = c.req.method === "GET" || c.req.method === "HEAD";
  if (isRead && !checkPrecondition({ ifMatch: null, ifNoneMatch }, etag).ok) return c.body(null, 304);
  return c.json(document, status);
}

/** Which page of a list is asked for: `?after=CURSOR&limit=N`. */
export type Page = { readonly after: string; readonly limit: number };

/** Answers with one page; `next` is the cursor of the page that follows, `null` on the last one. */
export async function pageJson<T>(
  c: AppContext,
  { after, limit }: Page,
  read: (page: Page) => Promise<T[]>,
  cursorOf: (item: T) => string,
): Promise<Response> {
  // One more than asked for tells whether there is a next page.
  const found = await read({ after, limit: limit + 1 });
  const items = found.slice(0, limit);
  return c.json({ items, next: found.length > limit ? cursorOf(items.at(-1)!) : null });
}

/** As `pageJson`, of a list that is short enough to be read whole. */
export function pageOfAllJson<T>(
  c: AppContext,
  page: Page,
  all: readonly T[],
  cursorOf: (item: T) => string,
): Promise<Response> {
  const read = async ({ after, limit }: Page) => {
    const start = after === "" ? 0 : all.findIndex((item) => cursorOf(item) === after) + 1;
    return all.slice(start, start + limit);
  };
  return pageJson(c, page, read, cursorOf);
}

/** Answers with what a log holds after a position; `next` is the last position read. */
export function logJson(c: AppContext, items: readonly { readonly seq: number }[]): Response {
  return c.json({ items, next: items.at(-1)?.seq ?? null });
}
