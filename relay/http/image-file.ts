import type { IncomingMessage, ServerResponse } from "node:http";

import { ImageError } from "../cache/errors.ts";
import type { ImageCache } from "../cache/image-cache.ts";
import type { ImageReader } from "../cache/image-reader.ts";
import { answered, failed, sendRefusal, sendText, sendUnavailable, type Answer } from "./answer.ts";
import type { Pacer } from "./pacer.ts";
import { negotiate } from "./representation.ts";
import { sendBytes } from "./send-bytes.ts";

/** Whoever may have a file may keep it: a revision's bytes never change. */
const FOR_EVER = "private, max-age=31536000, immutable, no-transform";

/** Once bytes were sent, a client is better off waiting for the origin than with a torn file. */
const MID_FILE_PATIENCE_MS = 5 * 60_000;

type ImageFileOptions = {
  readonly images: Pick<ImageCache, "resolve" | "held" | "open">;
  readonly pacer: Pacer;
};

/** Serves one image file by its signed URL, from the cache and through it. */
export async function serveImageFile(
  { images, pacer }: ImageFileOptions,
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const resolution = await images.resolve(target);
  if (resolution.kind === "refused") return sendRefusal(response);
  if (resolution.kind === "unavailable") return sendUnavailable(response, resolution.reason);
  const { object } = resolution;
  const { sizeBytes, sha256, path } = object;
  const etag = `"${sha256}"`;
  const negotiated = negotiate(
    { sizeBytes, etag, name: path, cacheControl: FOR_EVER, modifiedMs: undefined },
    request,
    response,
  );
  if (negotiated.kind === "answered") return negotiated.answer;

  const { status, headers, first, last } = negotiated;
  const held = images.held(object);
  if (held !== undefined) {
    await pacer.take(request.socket.remoteAddress ?? "", last + 1 - first, () => !response.destroyed);
    response.writeHead(status, headers).end(held.subarray(first, last + 1));
    return { ...answered(last + 1 - first), source: "cache" };
  }
  const reader = images.open(object);
  response.once("close", () => reader.close());
  let bytes = 0;
  const read = patient(reader, (count) => (bytes += count));
  try {
    const answer = await sendBytes({ read, response, pacer, status, headers, first, last });
    return { ...answer, source: reader.source };
  } catch (error) {
    return { ...explain(response, error), bytes, source: reader.source };
  } finally {
    reader.close();
  }
}

/** Asks again for bytes after the first ones, while the origin does not answer. */
function patient(reader: ImageReader, onRead: (bytes: number) => void): ImageReader["read"] {
  let progressAt: number | undefined;
  return async (into, position, last) => {
    for (;;) {
      try {
        const length = await reader.read(into, position, last);
        progressAt = performance.now();
        onRead(length);
        return length;
      } catch (error) {
        const mayReturn = error instanceof ImageError && error.code === "unavailable";
        const isWorthIt = progressAt !== undefined && performance.now() - progressAt < MID_FILE_PATIENCE_MS;
        if (!mayReturn || !isWorthIt) throw error;
      }
    }
  };
}

/** Tells why there are no bytes; where some were sent, nothing but a cut tells that it is not the whole. */
function explain(response: ServerResponse, error: unknown): Answer {
  if (!(error instanceof ImageError)) throw error;
  if (response.destroyed) return failed("the client left");
  if (response.headersSent) {
    response.destroy();
    return failed(`cut off: ${error.message}`);
  }
  switch (error.code) {
    case "gone":
      sendRefusal(response);
      break;
    case "rejected":
      sendText(response, 502, "the origin does not deliver what it should\n");
      break;
    case "unavailable":
    case "closed":
      return sendUnavailable(response, error.message);
  }
  return failed(error.message);
}
