import { deliverFile } from "./deliver-file.ts";
import type { AppContext } from "./http.ts";
import { refused } from "./refusal.ts";
import { getRevision } from "./revisions.ts";
import type { ImageManifest } from "./site-object/pinned.ts";

/** Whoever may have a file may keep it: a revision's bytes never change. */
const FOR_EVER = "private, max-age=31536000, immutable, no-transform";

/**
 * Delivers one file of an image's revision, for which the client has shown a
 * signature.
 *
 * @param segments of its path, percent-encoded
 */
export async function deliverImageFile(
  c: AppContext,
  revision: string,
  segments: readonly string[],
): Promise<Response> {
  const path = decodePath(segments);
  const manifest = await getRevision<ImageManifest>(c.env.REVISIONS, "image", revision);
  if (manifest === null || path === null || !Object.hasOwn(manifest.files, path)) return refused();
  const file = manifest.files[path]!;
  return await deliverFile(c, {
    sizeBytes: file.sizeBytes,
    etag: `"${file.sha256}"`,
    cacheControl: FOR_EVER,
    open: async (range) =>
      (await c.env.IMAGES.get(file.object, range === null ? {} : { range }))?.body ?? null,
  });
}

/** `null` for what is not percent-encoding: below a tree, the path is the client's own. */
function decodePath(segments: readonly string[]): string | null {
  try {
    return segments.map(decodeURIComponent).join("/");
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
