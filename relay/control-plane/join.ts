import { z } from "zod";

import { prepareStateDir, readCredentials, writeCredentials } from "./credentials.ts";
import { ControlPlaneError } from "./errors.ts";
import { describeFailure, readAnswerText } from "./answer.ts";

export type JoinOptions = {
  /** Origin of the control plane, e.g. `https://pxe.example.com`. */
  readonly url: string;
  /** One use; `sites/:site/join-tokens` hands it out. */
  readonly token: string;
  readonly stateDir: string;
  readonly fetch?: typeof fetch;
};

/** What a relay became a part of. */
export type Joined = { readonly siteId: string; readonly siteName: string; readonly relayId: string };

const JOIN_TIMEOUT_MS = 30_000;

const answerSchema = z.object({
  siteId: z.string().min(1),
  siteName: z.string().min(1),
  relayId: z.string().min(1),
  credential: z.string().min(1),
});

/**
 * Trades a join token for credentials and keeps them in the state folder. What
 * can be checked is checked before the token is spent.
 *
 * @throws ControlPlaneError
 */
export async function join({ url, token, stateDir, fetch = globalThis.fetch }: JoinOptions): Promise<Joined> {
  await prepareStateDir(stateDir);
  const held = await readCredentials(stateDir);
  if (held !== undefined && held.url !== url) {
    throw new ControlPlaneError(
      "credentials-of-another-site",
      `${stateDir} already holds the credentials of a relay of ${held.url}: take another --state-dir, or move credentials.json away`,
    );
  }

  const response = await post(`${url}/api/v1/relays/join`, { token }, fetch);
  const { siteName, ...issued } = response;
  await writeCredentials(stateDir, { url, ...issued });
  return { siteId: issued.siteId, siteName, relayId: issued.relayId };
}

async function post(
  url: string,
  body: { token: string },
  fetch: typeof globalThis.fetch,
): Promise<z.infer<typeof answerSchema>> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(JOIN_TIMEOUT_MS),
    });
    status = response.status;
    text = await readAnswerText(response);
  } catch (error) {
    throw new ControlPlaneError(
      "join-failed",
      `the control plane cannot be reached at ${new URL(url).origin} (${describeFailure(error)}): check the address and the way there`,
      { cause: error },
    );
  }
  if (status === 401 || status === 403 || status === 404) {
    throw new ControlPlaneError(
      "join-refused",
      `the control plane refuses the join token (${status}): a token works once and for a while; make a new one for the site`,
    );
  }
  const answer = status === 200 || status === 201 ? answerSchema.safeParse(parseJson(text)) : undefined;
  if (answer?.success !== true) {
    throw new ControlPlaneError(
      "join-failed",
      `${new URL(url).origin} does not answer as a pxedge control plane would (status ${status}): check --url`,
    );
  }
  return answer.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is one way of not fitting the schema.
    return undefined;
  }
}
