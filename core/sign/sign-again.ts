import { signImagePath } from "./image-path.ts";
import { signTreeGrant } from "./tree-grant.ts";

export type SignAgainOptions = {
  readonly siteId: string;
  /** The site's key in use, see `deriveSiteKey`. */
  readonly key: Uint8Array;
  readonly kid: string;
  /** Seconds since the epoch, whole. */
  readonly expiresAt: number;
};

/** `/i/IMAGE/REVISION/FILE?exp=…&kid=…&sig=…`, as `signImagePath` writes it. */
const IMAGE_URL = /(\/i\/[\x21\x23-\x26\x28-\x3e\x40-\x5b\x5d-\x7e]+)\?exp=\d+&kid=[\w-]+&sig=[\w-]+/g;
/** `/t/EXP.KID.SIG/IMAGE/REVISION`, as `signTreeGrant` writes it; `::t/…` is what PXELINUX makes of it. */
const TREE_URL = /(\/|::)t\/[0-9a-z]+\.[\w-]+\.[\w-]+\/([^/\s"']+)\/([^/\s"']+)/g;

/**
 * Signs every image URL in a boot script anew, in whatever boot loader's
 * language it is written: signed URLs hold no character that one of them would
 * have escaped.
 *
 * @returns `undefined` where something in the text looks signed and could not be signed again
 */
export async function signAgain(text: string, options: SignAgainOptions): Promise<string | undefined> {
  let count = 0;
  try {
    const images = await replaceEach(text, IMAGE_URL, ([, path]) => {
      count++;
      return signImagePath({ ...options, path: path! });
    });
    const all = await replaceEach(images, TREE_URL, async ([, root, image, revision]) => {
      const grant = await signTreeGrant({ ...options, image: image!, revision: revision! });
      return root! + grant.slice(1);
    });
    return count === (text.match(/[?&]sig=/g)?.length ?? 0) ? all : undefined;
  } catch (error) {
    // A path or a key that cannot be signed.
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

async function replaceEach(
  text: string,
  pattern: RegExp,
  replace: (match: RegExpMatchArray) => Promise<string>,
): Promise<string> {
  let result = "";
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    result += text.slice(end, match.index) + (await replace(match));
    end = match.index + match[0].length;
  }
  return result + text.slice(end);
}
