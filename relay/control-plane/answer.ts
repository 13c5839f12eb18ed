/** No answer about state or events is larger: 10,000 machines take some 4 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * Reads an answer as text, and no more of it than a control plane would send.
 *
 * @throws when the connection breaks or the answer is too long
 */
export async function readAnswerText(response: Response): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Why a request failed, for people: fetch hides the reason in `cause`. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  const cause = error.cause;
  if (cause instanceof AggregateError && cause.errors.length > 0) return describeFailure(cause.errors[0]);
  if (cause instanceof Error && cause.message !== "") return cause.message;
  return error.message;
}
