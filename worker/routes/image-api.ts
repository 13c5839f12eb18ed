import { ApiRoutes } from "../api/api-routes.ts";
import { BY_NAME } from "../api/parameters.ts";
import { imageDocumentSchema } from "../api/responses/documents.ts";
import { taggedJson } from "../http.ts";
import { resolveImage } from "../resolve-image.ts";
import { imageSchema } from "../schemas/documents.ts";
import type { ImageManifest } from "../site-object/pinned.ts";
import { readDocument, storeDocument } from "../stored-documents.ts";
import { STORED } from "./documents.ts";

/** The files of a whole DVD: some 28,000. A stored value of KV holds 25 MiB, a file takes thrice as much of that as here. */
const MAX_IMAGE_BYTES = 4 << 20;

/**
 * `/api/v1/images`. Files are uploaded and read back, or live elsewhere; an
 * image is then PUT as a set of files, so that half an upload is never visible.
 */
export const imageApiRoutes = new ApiRoutes()
  .add(
    {
      method: "get",
      path: "/images/{name}",
      id: "getImage",
      tag: "images",
      summary: "An image as it is now",
      params: BY_NAME,
      conditional: true,
      responses: { 200: { description: "The document", schema: imageDocumentSchema, tagged: true } },
    },
    async (c, { params }) => {
      const { head, document } = await readDocument<ImageManifest>(c, "image", params.name);
      const { files, delivery = "stream", origins = [] } = document;
      return taggedJson(c, head.revision, { ...head, files: describeFiles(files), delivery, origins });
    },
  )

  .add(
    {
      method: "put",
      path: "/images/{name}",
      id: "putImage",
      tag: "images",
      summary: "Make a revision of an image, of files that were uploaded or live elsewhere",
      params: BY_NAME,
      body: imageSchema,
      maxBytes: MAX_IMAGE_BYTES,
      conditional: true,
      responses: STORED,
    },
    async (c, { params, body }) =>
      await storeDocument(c, "image", params.name, await resolveImage(c.env, params.name, body), {}),
  );

/** Files as the API shows them: not where in the bucket they are. */
function describeFiles(files: ImageManifest["files"]): object {
  const described = Object.entries(files).map(([path, file]) => {
    const { sizeBytes, sha256 } = file;
    return [path, { sizeBytes, sha256, ...("url" in file && { url: file.url }) }] as const;
  });
  return Object.fromEntries(described);
}
