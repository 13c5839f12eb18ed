import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export async function makeFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "pxedge-control-plane-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

export type FakeAnswer = {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
};
export type FakeRequest = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

/** A fake control plane on loopback: answers what the test tells it to, and keeps what it was asked. */
export async function startFakeControlPlane(answer: (request: FakeRequest) => FakeAnswer) {
  const requests: FakeRequest[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const asked = { method: request.method!, url: request.url!, headers: request.headers, body };
      requests.push(asked);
      const { status = 200, headers = {}, body: answered = "" } = answer(asked);
      response.writeHead(status, headers);
      response.end(typeof answered === "string" ? answered : JSON.stringify(answered));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(stop);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, stop };
}
