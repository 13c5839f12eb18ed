import { fail, type Result } from "./problem.ts";

/** What `If-Match` and `If-None-Match` ask of the present document (RFC 9110 section 13.1). */
export type Precondition = {
  readonly ifMatch: readonly string[] | "*" | null;
  readonly ifNoneMatch: readonly string[] | "*" | null;
};

/** Nothing is asked. */
const UNCONDITIONAL: Precondition = { ifMatch: null, ifNoneMatch: null };

/** As one member of a document says it: the present tag, `null` for "only if there is none", or nothing. */
export function preconditionOfTag(ifMatch: string | null | undefined): Precondition {
  if (ifMatch === undefined) return UNCONDITIONAL;
  return ifMatch === null ? { ifMatch: null, ifNoneMatch: "*" } : { ifMatch: [ifMatch], ifNoneMatch: null };
}

/** Reads both headers; entity tags come out without their quotes. */
export function parsePrecondition(header: (name: string) => string | undefined): Precondition {
  return { ifMatch: parseTags(header("if-match")), ifNoneMatch: parseTags(header("if-none-match")) };
}

/**
 * Holds a precondition against the present document.
 *
 * @param etag of the document as it is, `null` where there is none
 * @returns `precondition-failed` where it does not hold
 */
export function checkPrecondition(precondition: Precondition, etag: string | null): Result<null> {
  const { ifMatch, ifNoneMatch } = precondition;
  if (ifMatch !== null && !matches(ifMatch, etag)) {
    return fail(
      "precondition-failed",
      etag === null ? "there is no such document (any more)" : `the present ETag is "${etag}"; read it again`,
    );
  }
  if (ifNoneMatch !== null && matches(ifNoneMatch, etag)) {
    return fail("precondition-failed", "the document exists already");
  }
  return { ok: true, value: null };
}

function matches(tags: readonly string[] | "*", etag: string | null): boolean {
  return etag !== null && (tags === "*" || tags.includes(etag));
}

/**
 * Weak tags are taken as well: an edge that compresses a body weakens its tag,
 * and ours name a document, not bytes.
 */
function parseTags(header: string | undefined): readonly string[] | "*" | null {
  if (header === undefined) return null;
  if (header.trim() === "*") return "*";
  return Array.from(header.matchAll(/(?:W\/)?"([^"]*)"/g), ([, tag]) => tag!);
}
