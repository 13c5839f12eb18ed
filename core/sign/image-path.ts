import { equalInConstantTime, formatBase64Url, parseBase64Url } from "../bytes.ts";
import { isPlainPath, isSiteId, KEY_ID } from "./grammar.ts";

/** What a signature speaks for. */
export type ImageGrant = {
  readonly siteId: string;
  /** `/i/IMAGE/REVISION/FILE`, percent-encoded as in the URL; without host, prefix or query. */
  readonly path: string;
  /** Seconds since the epoch, whole. */
  readonly expiresAt: number;
};

const VERSION = "pxedge-image-v1";

/**
 * The text that is signed, a field a line:
 * ```
 * pxedge-image-v1
 * GET
 * /i/debian-12/3f2a9c/linux
 * site-1
 * 1767225600
 * k1
 * ```
 * HEAD shares GET's. No field can hold a line end (`signImagePath` and
 * `verifyImagePath` see to it), so no two grants share a text.
 */
export function canonicalString({ siteId, path, expiresAt }: ImageGrant, kid: string): string {
  return [VERSION, "GET", path, siteId, String(expiresAt), kid].join("\n");
}

/** HMAC-SHA256 of a canonical string. */
export async function signCanonicalString(key: Uint8Array, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", Uint8Array.from(key), hmac, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, new TextEncoder().encode(text)));
}

export type SignImagePathOptions = ImageGrant & {
  /** The site's key, see `deriveSiteKey`. */
  readonly key: Uint8Array;
  /** Names the key, so that an old one is still found while a new one signs. */
  readonly kid: string;
};

/**
 * Signs the path of one image file.
 *
 * @returns the path with its query: `/i/…?exp=SECONDS&kid=KEY&sig=BASE64URL`
 * @throws TypeError for a grant that could not be verified again
 */
export async function signImagePath({ key, kid, ...grant }: SignImagePathOptions): Promise<string> {
  if (!isImagePath(grant.path)) throw new TypeError(`not the path of an image file: ${grant.path}`);
  if (!KEY_ID.test(kid)) throw new TypeError("a key id is 1 to 64 letters, digits, - and _");
  if (!isSiteId(grant.siteId)) throw new TypeError("a site id is visible ASCII");
  if (!EXPIRY.test(String(grant.expiresAt))) throw new TypeError("expiresAt must be whole seconds");
  const signature = await signCanonicalString(key, canonicalString(grant, kid));
  return `${grant.path}?exp=${grant.expiresAt}&kid=${kid}&sig=${formatBase64Url(signature)}`;
}

export type VerifyImagePathOptions = {
  /** The site's keys by key id: the one in use, and those rotated out but still honoured. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly siteId: string;
  /** As received, percent-encoding untouched. */
  readonly path: string;
  /** As received, with or without its `?`. */
  readonly query: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** How long past its expiry a grant still counts, for clocks that disagree. */
  readonly clockSkewSeconds?: number;
};

export type ImagePathVerdict =
  | { readonly kind: "valid"; readonly expiresAt: number }
  | { readonly kind: "refused"; readonly reason: ImageRefusal };

/** For logs and events only: a client sees one identical 404. */
export type ImageRefusal = "bad-path" | "bad-query" | "unknown-key" | "bad-signature" | "expired";

const EXPIRY = /^(?:0|[1-9][0-9]{0,12})$/;

/** Checks a signed path for GET or HEAD. Which of them was used does not matter. */
export async function verifyImagePath(options: VerifyImagePathOptions): Promise<ImagePathVerdict> {
  const { keys, siteId, path, query, now, clockSkewSeconds = 60 } = options;
  if (!isImagePath(path) || !isSiteId(siteId)) return refuse("bad-path");
  const parts = parseQuery(query);
  if (parts === null) return refuse("bad-query");
  const key = keys.get(parts.kid);
  if (key === undefined) return refuse("unknown-key");
  const expected = await signCanonicalString(
    key,
    canonicalString({ siteId, path, expiresAt: parts.expiresAt }, parts.kid),
  );
  if (!equalInConstantTime(expected, parts.signature)) return refuse("bad-signature");
  if (now / 1000 >= parts.expiresAt + clockSkewSeconds) return refuse("expired");
  return { kind: "valid", expiresAt: parts.expiresAt };
}

function refuse(reason: ImageRefusal): ImagePathVerdict {
  return { kind: "refused", reason };
}

/**
 * Exactly `exp`, `kid` and `sig`, once each, in any order, in the one spelling
 * `signImagePath` gives them: a second spelling would be a second cache key.
 */
function parseQuery(query: string): { expiresAt: number; kid: string; signature: Uint8Array } | null {
  const fields = new Map<string, string>();
  for (const field of query.replace(/^\?/, "").split("&")) {
    const at = field.indexOf("=");
    const name = field.slice(0, Math.max(at, 0));
    if (fields.has(name)) return null;
    fields.set(name, field.slice(at + 1));
  }
  const exp = fields.get("exp");
  const kid = fields.get("kid");
  const sig = fields.get("sig");
  if (fields.size !== 3 || exp === undefined || kid === undefined || sig === undefined) return null;
  const signature = parseBase64Url(sig);
  if (!EXPIRY.test(exp) || !KEY_ID.test(kid) || signature === undefined) return null;
  return { expiresAt: Number(exp), kid, signature };
}

/** `/i/IMAGE/REVISION/FILE…` */
function isImagePath(path: string): boolean {
  return isPlainPath(path) && path.startsWith("/i/") && path.split("/").length >= 5;
}
