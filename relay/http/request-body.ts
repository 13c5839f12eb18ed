import type { IncomingMessage } from "node:http";

/** Answers' and callbacks' bodies are small; a log that is longer is to be cut by who sends it. */
export const MAX_BODY_BYTES = 1024 * 1024;

export type BodyOutcome =
  | { readonly kind: "body"; readonly body: Buffer }
  | { readonly kind: "too-large" }
  /** The client left before it had sent all. */
  | { readonly kind: "incomplete" };

/** Reads a request's body into memory. */
export async function readRequestBody(request: IncomingMessage): Promise<BodyOutcome> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) return { kind: "too-large" };
      chunks.push(chunk);
    }
  } catch {
    // What breaks it is always the client's connection.
    return { kind: "incomplete" };
  }
  return { kind: "body", body: Buffer.concat(chunks) };
}
