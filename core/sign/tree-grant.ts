import { equalInConstantTime, formatBase64Url, parseBase64Url } from "../bytes.ts";
import { isPlainPath, isSiteId, KEY_ID } from "./grammar.ts";
import { signCanonicalString } from "./image-path.ts";

/** What a grant on a whole tree speaks for: every file of one revision of one image. */
export type TreeGrant = {
  readonly siteId: string;
  /** The image's name, percent-encoded as in the URL. */
  readonly image: string;
  readonly revision: string;
  /** Seconds since the epoch, whole. */
  readonly expiresAt: number;
};

/**
 * The signature's length: HMAC-SHA256 cut to its first 128 bits, no less than
 * half of it (RFC 2104 section 5). What it buys is room for a file name: TFTP
 * clients such as GRUB and pxelinux.0 pass on 127 bytes, of which the prefix
 * takes 47 + key id + image name, slashes and a revision of 32 digits
 * included. `/t/t85s00.k1.xz…/debian-12/9f…/` leaves 48 bytes for the file.
 */
export const TREE_SIGNATURE_BYTES = 16;

const VERSION = "pxedge-tree-v1";

/**
 * The text that is signed, a field a line. The first line keeps it apart from
 * every image path's, which the same key signs:
 * ```
 * pxedge-tree-v1
 * GET
 * /t/debian-12/9f86d081884c7d659a2feaa0c55ad015/
 * site-1
 * 1767225600
 * k1
 * ```
 */
export function treeCanonicalString({ siteId, image, revision, expiresAt }: TreeGrant, kid: string): string {
  return [VERSION, "GET", `/t/${image}/${revision}/`, siteId, String(expiresAt), kid].join("\n");
}

export type SignTreeGrantOptions = TreeGrant & {
  /** The site's key, see `deriveSiteKey`. */
  readonly key: Uint8Array;
  /** Names the key. Every character of it is one less for the file's name. */
  readonly kid: string;
};

/**
 * Signs a grant on all files of an image's revision.
 *
 * @returns the prefix `/t/EXP.KID.SIG/IMAGE/REVISION`, to which `/` and a file's path is added;
 *   EXP is in base 36, SIG in base64url
 * @throws TypeError for a grant that could not be verified again
 */
export async function signTreeGrant({ key, kid, ...grant }: SignTreeGrantOptions): Promise<string> {
  const tree = `/${grant.image}/${grant.revision}`;
  if (tree.split("/").length !== 3 || !isPlainPath(tree)) throw new TypeError(`not a tree: ${tree}`);
  if (!KEY_ID.test(kid)) throw new TypeError("a key id is 1 to 64 letters, digits, - and _");
  if (!isSiteId(grant.siteId)) throw new TypeError("a site id is visible ASCII");
  const expiry = grant.expiresAt.toString(36);
  if (!EXPIRY.test(expiry)) throw new TypeError("expiresAt must be whole seconds");
  const signature = await signTree(key, grant, kid);
  return `/t/${expiry}.${kid}.${formatBase64Url(signature)}${tree}`;
}

export type VerifyTreeGrantOptions = {
  /** The site's keys by key id: the one in use, and those rotated out but still honoured. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly siteId: string;
  /** `/t/EXP.KID.SIG/IMAGE/REVISION/FILE…` as received, percent-encoding untouched, without query. */
  readonly path: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** How long past its expiry a grant still counts, for clocks that disagree. */
  readonly clockSkewSeconds?: number;
};

export type TreeGrantVerdict =
  | {
      readonly kind: "valid";
      readonly expiresAt: number;
      /** As in the path, percent-encoding untouched. */
      readonly image: string;
      readonly revision: string;
      readonly file: string;
    }
  | { readonly kind: "refused"; readonly reason: TreeRefusal };

/** For logs and events only: a client sees one identical 404. */
export type TreeRefusal = "bad-path" | "unknown-key" | "bad-signature" | "expired";

/** Base 36 in the one spelling that `Number.toString` gives: a second one would be a second cache key. */
const EXPIRY = /^(?:0|[1-9a-z][0-9a-z]{0,7})$/;

/** Checks a path under a tree grant for GET or HEAD. Which of them was used does not matter. */
export async function verifyTreeGrant(options: VerifyTreeGrantOptions): Promise<TreeGrantVerdict> {
  const { keys, siteId, path, now, clockSkewSeconds = 60 } = options;
  const [empty, t, token, image, revision, ...file] = path.split("/");
  if (empty !== "" || t !== "t" || token === undefined || image === undefined || revision === undefined) {
    return refuse("bad-path");
  }
  if (file.length === 0 || !isPlainPath(path) || !isSiteId(siteId)) return refuse("bad-path");
  const [expiry, kid, sig, ...more] = token.split(".");
  if (expiry === undefined || kid === undefined || sig === undefined || more.length > 0) {
    return refuse("bad-path");
  }
  const signature = parseBase64Url(sig);
  if (!EXPIRY.test(expiry) || !KEY_ID.test(kid) || signature === undefined) return refuse("bad-path");
  const key = keys.get(kid);
  if (key === undefined) return refuse("unknown-key");
  const expiresAt = parseInt(expiry, 36);
  const expected = await signTree(key, { siteId, image, revision, expiresAt }, kid);
  if (!equalInConstantTime(expected, signature)) return refuse("bad-signature");
  if (now / 1000 >= expiresAt + clockSkewSeconds) return refuse("expired");
  return { kind: "valid", expiresAt, image, revision, file: file.join("/") };
}

async function signTree(key: Uint8Array, grant: TreeGrant, kid: string): Promise<Uint8Array> {
  const signature = await signCanonicalString(key, treeCanonicalString(grant, kid));
  return signature.subarray(0, TREE_SIGNATURE_BYTES);
}

function refuse(reason: TreeRefusal): TreeGrantVerdict {
  return { kind: "refused", reason };
}
