import { lookup as lookupName } from "node:dns";
import * as http from "node:http";
import * as https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { urlToHttpOptions } from "node:url";

import { receiveHead } from "../net/response-head.ts";
import { MirrorError } from "./errors.ts";
import { isPublicAddress } from "./public-address.ts";

/** Where a mirror's files come from. */
export type MirrorSource = {
  /** What is added to is a path; no slash at its end. */
  readonly upstream: string;
  /** Hosts that the upstream may redirect to, besides itself. */
  readonly redirects: readonly string[];
};

export type MirrorOrigin = {
  /**
   * GETs a file, redirects followed; the answer's body must be read or destroyed.
   * Credentials go to the upstream itself only.
   *
   * @throws MirrorError
   */
  get(
    source: MirrorSource,
    path: string,
    headers: http.OutgoingHttpHeaders,
    signal?: AbortSignal,
  ): Promise<http.IncomingMessage>;
  /**
   * Makes any other request of the upstream, redirects not followed; the
   * answer's body must be read or destroyed.
   *
   * @throws MirrorError
   */
  send(
    source: MirrorSource,
    path: string,
    request: { readonly method: string; readonly headers: http.OutgoingHttpHeaders; readonly body: Buffer },
    signal?: AbortSignal,
  ): Promise<http.IncomingMessage>;
  close(): void;
};

export type MirrorOriginOptions = {
  /** For the upstreams that are configured; the cached one keeps working without a name server. */
  readonly lookup: LookupFunction;
  /** For hosts that are redirected to. */
  readonly lookupForeign?: typeof lookupName;
  /** Without a byte for so long, a connection is given up. */
  readonly idleTimeoutMs?: number;
};

type Asked = {
  readonly method?: string;
  readonly headers: http.OutgoingHttpHeaders;
  readonly body?: Buffer;
};

const MAX_REDIRECTS = 5;
const IDLE_TIMEOUT_MS = 30_000;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Creates the way to the mirrors' origins. Only the configured host may have
 * any address: others must be on the list, at each redirect, and have public
 * addresses, at each connection. So nobody out there can make the relay ask
 * about in the site's own network.
 */
export function createMirrorOrigin({
  lookup,
  lookupForeign = lookupName,
  idleTimeoutMs = IDLE_TIMEOUT_MS,
}: MirrorOriginOptions): MirrorOrigin {
  const agents = {
    "http:": new http.Agent({ keepAlive: true, maxSockets: 32 }),
    "https:": new https.Agent({ keepAlive: true, maxSockets: 32 }),
  };

  const lookupPublic: LookupFunction = (hostname, options, done) => {
    lookupForeign(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      const bad = addresses?.find(({ address }) => !isPublicAddress(address));
      if (error !== null || first === undefined)
        done(error ?? new Error(`${hostname} has no address`), "", 0);
      else if (bad !== undefined) {
        done(new MirrorError("refused", `${hostname} has the private address ${bad.address}`), "", 0);
      } else if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };

  async function ask(
    url: URL,
    isOwn: boolean,
    { method = "GET", headers, body }: Asked,
    signal: AbortSignal | undefined,
  ): Promise<http.IncomingMessage> {
    const { protocol, hostname, port, path } = urlToHttpOptions(url);
    // No look-up is made for an address.
    if (!isOwn && isIP(hostname!) !== 0 && !isPublicAddress(hostname!)) {
      throw new MirrorError("refused", `${hostname} is a private address`);
    }
    const module = url.protocol === "https:" ? https : http;
    const request = module.request({
      ...{ method, protocol, hostname, port, path },
      agent: agents[url.protocol as keyof typeof agents],
      lookup: isOwn ? lookup : lookupPublic,
      headers: {
        ...headers,
        host: url.host,
        ...(body !== undefined && { "content-length": body.length }),
      },
      ...(signal !== undefined && { signal }),
    });
    request.setTimeout(idleTimeoutMs, () => request.destroy(new Error("the connection was idle")));
    try {
      return await receiveHead(request, body);
    } catch (error) {
      if (error instanceof MirrorError) throw error;
      const { message, name } = error as Error;
      throw new MirrorError("unreachable", message || name, { cause: error });
    }
  }

  return {
    async get({ upstream, redirects }, path, headers, signal) {
      const own = new URL(upstream);
      const { authorization: _authorization, ...others } = headers;
      let url = new URL(upstream + path);
      for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
        const asked = { headers: mayHaveCredentials(url, own) ? headers : others };
        const answer = await ask(url, url.host === own.host, asked, signal);
        const { location } = answer.headers;
        if (!REDIRECTS.has(answer.statusCode!) || location === undefined) return answer;
        answer.on("error", () => undefined).destroy();
        const next = URL.parse(location, url.href);
        if (next === null || !(next.protocol in agents)) {
          throw new MirrorError("refused", "the origin redirects to what is no web address");
        }
        if (next.host !== own.host && !redirects.includes(next.host)) {
          throw new MirrorError(
            "refused",
            `the origin redirects to ${next.host}, which is not on the mirror's list`,
          );
        }
        url = next;
      }
      throw new MirrorError("refused", `the origin redirects more than ${MAX_REDIRECTS} times`);
    },
    send: ({ upstream }, path, request, signal) => ask(new URL(upstream + path), true, request, signal),
    close() {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}

/** Whether what a client authorizes itself by for the upstream may be sent to where that redirects. */
export function mayHaveCredentials(url: URL, upstream: URL): boolean {
  const isInTheClear = url.protocol === "http:" && upstream.protocol === "https:";
  return url.host === upstream.host && !isInTheClear;
}
