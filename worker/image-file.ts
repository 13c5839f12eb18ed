import { deliverFile, type ByteRange } from "./deliver-file.ts";
import type { Env } from "./env.ts";
import { isDirect } from "./for-client.ts";
import type { AppContext } from "./http.ts";
import { presignGet, s3Access } from "./presign.ts";
import { ProblemError } from "./problem.ts";
import { NO_STORE, refused } from "./refusal.ts";
import { getRevision } from "./revisions.ts";
import type { ImageManifest, StoredFile, UpstreamFile } from "./site-object/pinned.ts";
import { openUpstream, UpstreamError } from "./upstream.ts";

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
  if (manifest.delivery === "redirect" && "object" in file && c.req.method === "GET" && isDirect(c)) {
    const access = s3Access(c.env);
    if (access !== null) return redirectTo(await presignGet(access, file.object, Date.now()));
  }
  return await deliverFile(c, {
    sizeBytes: file.sizeBytes,
    etag: `"${file.sha256}"`,
    cacheControl: FOR_EVER,
    open: async (range) => await openFile(c.env, manifest, file, range),
  });
}

async function openFile(
  env: Env,
  manifest: ImageManifest,
  file: StoredFile | UpstreamFile,
  range: ByteRange | null,
): Promise<ReadableStream<Uint8Array> | null> {
  if ("object" in file) {
    return (await env.IMAGES.get(file.object, range === null ? {} : { range }))?.body ?? null;
  }
  try {
    return await openUpstream(file, manifest.origins ?? [], range);
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    console.error(`an image's upstream failed: ${error.message}`);
    throw new ProblemError({ type: "unavailable", detail: "the file's upstream does not deliver it" });
  }
}

/**
 * Only for a machine that asks directly: behind a relay it may speak no TLS,
 * and the relay's own cache is the better answer. Never for HEAD: a presigned
 * URL is for GET.
 */
function redirectTo(location: string): Response {
  return new Response(null, { status: 302, headers: { location, "cache-control": NO_STORE } });
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
