import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";

import type { ObservedClient } from "../../core/relay-protocol/events.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";

/** Of one connection, never forwarded (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** What only the relay may say to the control plane, or nobody. `expect` is answered here. */
const NOT_FROM_CLIENTS =
  /^(?:pxedge-.*|x-forwarded-.*|x-real-ip|forwarded|authorization|cookie|host|expect)$/;

/**
 * Of a request to a package mirror: also its conditions and parts, which are
 * answered from what is kept, but not its credentials, which are the mirror's.
 */
const NOT_FOR_MIRRORS =
  /^(?:pxedge-.*|x-forwarded-.*|x-real-ip|forwarded|cookie|host|expect|range|if-.*|via)$/;

/** What concerns the control plane's own origin, and would mislead a client of the relay's. */
const NOT_FOR_CLIENTS = /^(?:pxedge-.*|set-cookie|alt-svc|strict-transport-security|www-authenticate)$/;

/** What would mislead a client of ours about us. */
const NOT_FROM_MIRRORS = /^(?:pxedge-.*|alt-svc|strict-transport-security)$/;

/** What a relay is called in `Via` (RFC 9110 section 7.6.3). */
const PSEUDONYM = "pxedge";

/** Who asks, and how it reached us. */
export type Observation = {
  readonly client: ObservedClient;
  /** Of the client's request, e.g. `1.1`. */
  readonly httpVersion: string;
  /** The address that the client sees us at, e.g. `http://192.168.77.1:8080`. */
  readonly baseUrl: string;
};

/** The headers of a client's request as they go to the control plane. */
export function upstreamHeaders(
  headers: IncomingHttpHeaders,
  { client, baseUrl, httpVersion }: Observation,
  credential: string,
): OutgoingHttpHeaders {
  const observed: OutgoingHttpHeaders = {
    authorization: `Bearer ${credential}`,
    via: viaUs(headers.via, httpVersion),
    [RELAY_HEADER.CLIENT_IP]: client.ip,
    [RELAY_HEADER.BASE_URL]: baseUrl,
  };
  if (client.mac !== null && client.source !== null) {
    observed[RELAY_HEADER.CLIENT_MAC] = client.mac;
    observed[RELAY_HEADER.CLIENT_MAC_SOURCE] = client.source;
  }
  if (client.interface !== null) observed[RELAY_HEADER.INTERFACE] = client.interface;
  return { ...endToEnd(headers, NOT_FROM_CLIENTS), ...observed };
}

/** The headers of the control plane's answer as they go to a client. */
export function clientHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return { ...endToEnd(headers, NOT_FOR_CLIENTS), via: viaUs(headers.via, "1.1") };
}

/** The headers of a client's request as they go to a package mirror. */
export function mirrorRequestHeaders({ headers, httpVersion }: IncomingMessage): IncomingHttpHeaders {
  return { ...endToEnd(headers, NOT_FOR_MIRRORS), via: viaUs(headers.via, httpVersion) };
}

/** The headers of a package mirror's answer as they go to a client. */
export function mirrorAnswerHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return { ...endToEnd(headers, NOT_FROM_MIRRORS), via: viaUs(headers.via, "1.1") };
}

/** Whether a request has come through a relay already: the control plane's address leads back here. */
export function isLoop({ via }: IncomingHttpHeaders): boolean {
  return via !== undefined && via.split(",").some((hop) => hop.trim().split(/[ \t]+/)[1] === PSEUDONYM);
}

function viaUs(earlier: string | undefined, httpVersion: string): string {
  const us = `${httpVersion} ${PSEUDONYM}`;
  return earlier === undefined ? us : `${earlier}, ${us}`;
}

function endToEnd(headers: IncomingHttpHeaders, dropped: RegExp): IncomingHttpHeaders {
  const named = new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  const kept: IncomingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    // Content-Length frames the message: naming it in Connection must not take it out.
    const perConnection = HOP_BY_HOP.has(name) || (named.has(name) && name !== "content-length");
    if (!perConnection && !dropped.test(name) && value !== undefined) kept[name] = value;
  }
  return kept;
}
