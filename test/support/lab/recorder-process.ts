/**
 * The program behind recorder.ts, run inside a lab's namespace: an HTTP server
 * that writes each request as one line of JSON to stdout. It serves the files
 * under a directory, 404 to the rest and 204 to a POST; without a directory it
 * answers nothing.
 *
 *     node recorder-process.ts ADDRESS PORT [DIRECTORY]
 */
import { createReadStream, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join, normalize } from "node:path";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import type { RecordedRequest } from "./recorder.ts";

const [address, port, directory] = process.argv.slice(2);

/** The file that a request's path names, and its size in bytes. */
function findFile(root: string, path: string): { path: string; sizeBytes: number } | undefined {
  // normalize() of an absolute path does not climb above the root.
  const file = join(root, normalize(decodeURIComponent(path)));
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() ? { path: file, sizeBytes: stat.size } : undefined;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = request.url ?? "/";
  const record: RecordedRequest = {
    at: Date.now(),
    method: request.method ?? "",
    target,
    headers: request.headers,
    body: await text(request),
  };
  process.stdout.write(`${JSON.stringify(record)}\n`);

  if (directory === undefined) return;
  if (request.method === "POST") {
    response.writeHead(204).end();
    return;
  }
  const file = findFile(directory, target.split("?")[0] ?? "/");
  if (file === undefined) {
    response.writeHead(404, { "content-length": 0 }).end();
    return;
  }
  response.writeHead(200, { "content-length": file.sizeBytes });
  if (request.method === "HEAD") response.end();
  else await pipeline(createReadStream(file.path), response);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    // A client that left (a power cut) is no fault of this server.
    process.stderr.write(`${request.method} ${request.url}: ${String(error)}\n`);
    response.destroy();
  });
});
server.listen(Number(port), address, () => process.stdout.write("listening\n"));
