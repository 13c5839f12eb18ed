import type { RenderView } from "../core/boot/view.ts";
import { signTreeGrant, TREE_SIGNATURE_BYTES } from "../core/sign/tree-grant.ts";
import { deriveSiteKeys } from "./image-keys.ts";
import type { Pinned, PinnedImage } from "./site-object/pinned.ts";

/**
 * Signs a grant on a whole image, below the client paths: `/t/…/IMAGE/REVISION`.
 *
 * @param expiresAtMs milliseconds since the epoch; the same instant gives the same bytes
 */
export async function signTree(
  imageKeys: string,
  siteId: string,
  { name, revision }: PinnedImage,
  expiresAtMs: number,
): Promise<string> {
  const [signer] = await deriveSiteKeys(imageKeys, siteId);
  const expiresAt = Math.ceil(expiresAtMs / 1_000);
  return await signTreeGrant({ ...signer!, siteId, image: name, revision, expiresAt });
}

/** As long as a signed one, or longer. */
export function placeholderTree({ image }: Pinned): string {
  const signature = "A".repeat(Math.ceil((TREE_SIGNATURE_BYTES * 4) / 3));
  return `/t/${"0".repeat(8)}.${"k".repeat(16)}.${signature}/${image.name}/${image.revision}`;
}

/** Adds `urls.tree`, which ends in a slash. */
export function withTree(view: RenderView, treePath: string): RenderView {
  const urls = view["urls"] as { readonly base: string };
  return { ...view, urls: { ...urls, tree: `${urls.base}${treePath}/` } };
}

/** Whether a template or kernel arguments name `urls.tree`: signing is not free. */
export function namesTree(text: string | undefined): boolean {
  return text?.includes("urls.tree") ?? false;
}
