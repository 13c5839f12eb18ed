import { parseBase64Url } from "../core/bytes.ts";
import { deriveSiteKey } from "../core/sign/site-key.ts";

/** A key of one site; the first one signs, all of them verify. */
export type SiteKey = { readonly kid: string; readonly key: Uint8Array<ArrayBuffer> };

/** Keys kept, so that those of the few sites that an isolate serves are derived once. */
const MAX_DERIVED = 4_096;

/** By the master key, its id and the site. */
const derived = new Map<string, Uint8Array<ArrayBuffer>>();

/**
 * The site's keys, derived from the Worker's IMAGE_KEYS.
 *
 * @param secret `kid:base64url(32 bytes)`, comma-separated
 * @throws Error where the secret has another form: a mistake at deployment
 */
export async function deriveSiteKeys(secret: string, siteId: string): Promise<SiteKey[]> {
  return await Promise.all(
    secret.split(",").map(async (entry) => {
      const [, kid, text] = /^([a-z0-9-]{1,16}):([A-Za-z0-9_-]+)$/.exec(entry.trim()) ?? [];
      const master = parseBase64Url(text ?? "");
      if (kid === undefined || master?.length !== 32) {
        throw new Error("IMAGE_KEYS must be kid:base64url(32 bytes), comma-separated");
      }
      const cacheKey = `${kid} ${siteId} ${text}`;
      const known = derived.get(cacheKey);
      if (known !== undefined) return { kid, key: known };
      const key = await deriveSiteKey(master, siteId);
      // A key itself, no promise: what one request awaits, another must not.
      if (derived.size >= MAX_DERIVED) derived.delete(derived.keys().next().value!);
      derived.set(cacheKey, key);
      return { kid, key };
    }),
  );
}

/** As the verifying side wants them: by key id. */
export async function siteKeysById(secret: string, siteId: string): Promise<ReadonlyMap<string, Uint8Array>> {
  return new Map((await deriveSiteKeys(secret, siteId)).map(({ kid, key }) => [kid, key]));
}
