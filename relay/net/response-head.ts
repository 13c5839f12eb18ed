import type { ClientRequest, IncomingMessage } from "node:http";

/**
 * Sends a request's body and waits for the answer's head. What goes wrong after
 * that shows on the answer.
 *
 * @throws whatever breaks the connection, and an Error for what is no answer:
 *   node:http closes a connection that goes over to another protocol without a word
 */
export async function receiveHead(request: ClientRequest, body?: Uint8Array): Promise<IncomingMessage> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    // Stays: nobody else hears of an error after the head.
    request.on("error", reject);
    request.once("close", () => reject(new Error("the connection ended without an answer")));
    request.end(body);
  });
  const { statusCode = 0 } = answer;
  // The parser lets three digits of any kind pass.
  if (statusCode >= 200) return answer;
  answer.on("error", () => undefined).destroy();
  throw new Error(`an answer with the status ${statusCode}`);
}
