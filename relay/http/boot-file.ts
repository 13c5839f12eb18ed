import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";

import type { FileOpened, FileRoot } from "../boot-files/file-root.ts";
import { answered, failed, sendText, type Answer } from "./answer.ts";
import { parseByteRange } from "./byte-range.ts";
import { allowsRange, checkPreconditions, type Validators } from "./preconditions.ts";

const READ_BYTES = 256 * 1024;

/**
 * Serves a boot file to firmware that boots over HTTP: HEAD for the length,
 * then GET, resumed by Range and If-Match (what EDK2 does).
 */
export async function serveBootFile(
  root: FileRoot,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const file = await root.open(name);
  if (file.kind === "refused") {
    const sent = sendText(response, 404, "not found\n");
    return file.reason === "missing" ? sent : failed(file.message, sent.bytes);
  }
  try {
    return await serveOpened(file, request, response);
  } finally {
    await file.handle.close();
  }
}

async function serveOpened(
  file: FileOpened,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const validators: Validators = {
    etag: `"${file.sizeBytes.toString(36)}-${Math.floor(file.modifiedMs).toString(36)}"`,
    modifiedMs: file.modifiedMs,
  };
  const headers: OutgoingHttpHeaders = {
    etag: validators.etag,
    "last-modified": new Date(file.modifiedMs).toUTCString(),
    "accept-ranges": "bytes",
  };
  const precondition = checkPreconditions(request.headers, validators);
  if (precondition !== "none") {
    response.writeHead(precondition === "failed" ? 412 : 304, headers).end();
    return answered(0);
  }

  // Range is defined for GET only (RFC 9110 section 14.2).
  const counts = request.method === "GET" && allowsRange(request.headers, validators);
  const range = parseByteRange(counts ? request.headers.range : undefined, file.sizeBytes);
  if (range.kind === "unsatisfiable") {
    response.writeHead(416, {
      ...headers,
      "content-range": `bytes */${file.sizeBytes}`,
      "content-length": 0,
    });
    response.end();
    return answered(0);
  }
  const [first, last] = range.kind === "part" ? [range.first, range.last] : [0, file.sizeBytes - 1];
  if (range.kind === "part") headers["content-range"] = `bytes ${first}-${last}/${file.sizeBytes}`;
  response.writeHead(range.kind === "part" ? 206 : 200, {
    ...headers,
    // EDK2 takes what is called so for a program, whatever its URL ends in.
    "content-type": file.path.endsWith(".efi") ? "application/efi" : "application/octet-stream",
    "content-length": last - first + 1,
  });
  if (request.method === "HEAD" || last < first) {
    response.end();
    return answered(0);
  }
  return sendBytes(file, first, last, response);
}

async function sendBytes(
  file: FileOpened,
  first: number,
  last: number,
  response: ServerResponse,
): Promise<Answer> {
  const bytes = file.handle.createReadStream({
    start: first,
    end: last,
    highWaterMark: READ_BYTES,
    autoClose: false,
  });
  try {
    await pipeline(bytes, response, { end: false });
  } catch (error) {
    response.destroy();
    return failed(`cut off: ${(error as Error).message}`, bytes.bytesRead);
  }
  if (bytes.bytesRead < last - first + 1) {
    // Replaced or truncated while it was read: a cut says so, an end would not.
    response.destroy();
    return failed("the file became shorter while it was sent", bytes.bytesRead);
  }
  response.end();
  return answered(bytes.bytesRead);
}
