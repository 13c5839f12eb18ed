import type { IncomingMessage, ServerResponse } from "node:http";

import type { FileOpened, FileRoot } from "../boot-files/file-root.ts";
import { failed, sendText, type Answer } from "./answer.ts";
import type { Pacer } from "./pacer.ts";
import { negotiate } from "./representation.ts";
import { sendBytes } from "./send-bytes.ts";

type BootFileOptions = { readonly fileRoot: FileRoot; readonly pacer: Pacer };

/**
 * Serves a boot file to firmware that boots over HTTP: HEAD for the length,
 * then GET, resumed by Range and If-Match (what EDK2 does).
 */
export async function serveBootFile(
  { fileRoot, pacer }: BootFileOptions,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const file = await fileRoot.open(name);
  if (file.kind === "refused") {
    const sent = sendText(response, 404, "not found\n");
    return file.reason === "missing" ? sent : failed(file.message, sent.bytes);
  }
  try {
    return await serveOpened(file, pacer, request, response);
  } finally {
    await file.handle.close();
  }
}

async function serveOpened(
  file: FileOpened,
  pacer: Pacer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const { sizeBytes, modifiedMs, path } = file;
  const etag = `"${sizeBytes.toString(36)}-${Math.floor(modifiedMs).toString(36)}"`;
  const negotiated = negotiate({ sizeBytes, etag, modifiedMs, name: path }, request, response);
  if (negotiated.kind === "answered") return negotiated.answer;
  const { status, headers, first, last } = negotiated;
  let bytes = 0;
  try {
    return await sendBytes({
      ...{ response, pacer, status, headers, first, last },
      async read(into, position, last) {
        const length = Math.min(into.length, last - position + 1);
        const { bytesRead } = await file.handle.read(into, 0, length, position);
        // A cut says so, an end would not.
        if (bytesRead === 0) throw new Error("the file became shorter while it was sent");
        bytes += bytesRead;
        return bytesRead;
      },
    });
  } catch (error) {
    response.destroy();
    return failed(`cut off: ${(error as Error).message}`, bytes);
  }
}
