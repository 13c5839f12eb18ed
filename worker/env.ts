import type { ControlObject } from "./control-object/control-object.ts";
import type { SiteObject } from "./site-object/site-object.ts";

/** Bindings and secrets of the Worker; see wrangler.toml. */
export type Env = {
  readonly CONTROL: DurableObjectNamespace<ControlObject>;
  readonly SITES: DurableObjectNamespace<SiteObject>;
  readonly REVISIONS: KVNamespace;
  readonly IMAGES: R2Bucket;
  readonly ADMIN_TOKEN: string;
  /** `kid:base64url(32 bytes)`, comma-separated; the first one signs, all verify. */
  readonly IMAGE_KEYS: string;
  /** For images that are delivered by redirect: the bucket by its S3 API, see `S3Access`. */
  readonly S3_BUCKET_URL?: string;
  readonly S3_ACCESS_KEY_ID?: string;
  readonly S3_SECRET_ACCESS_KEY?: string;
  /** Of the same form; the first one encrypts secrets, all decrypt. */
  readonly SECRET_KEYS: string;
};

/** The one ControlObject. */
export function controlObject(env: Env) {
  return env.CONTROL.get(env.CONTROL.idFromName("control"));
}

/** A site's object, by the site's immutable id. */
export function siteObject(env: Env, siteId: string) {
  return env.SITES.get(env.SITES.idFromName(siteId));
}
