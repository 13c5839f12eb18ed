import type { IncomingMessage } from "node:http";

/** Far more than boot firmware and installers send. */
const MAX_FIELDS = 64;

/** Whether a request has more header fields than are looked at. */
export function hasTooManyFields({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.length > 2 * MAX_FIELDS;
}

/** Fields that frame or address a message: a second one makes it two messages in one. */
const SINGLE = ["host", "content-length", "transfer-encoding"] as const;

/** A name or address and maybe a port (RFC 9110 section 7.2), nothing of user, path or blanks. */
const HOST = /^(?:[A-Za-z0-9._~-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/**
 * Whether another server could read a request's head as another request than
 * we do, although node:http has parsed it. It is stricter than RFC 9112 where
 * that lets a server choose: boot firmware and installers need no choice.
 */
export function isAmbiguous({ headers, rawHeaders, httpVersion }: IncomingMessage): boolean {
  // Upgrades ask for another protocol; there is none.
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return true;
  const counts = new Map<string, number>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  if (SINGLE.some((name) => (counts.get(name) ?? 0) > 1)) return true;

  const { host } = headers;
  // Only HTTP/1.0 has requests without one; node:http has seen to that.
  if (host !== undefined && !HOST.test(host)) return true;
  const length = headers["content-length"];
  const coding = headers["transfer-encoding"];
  if (length !== undefined && (!/^\d{1,15}$/.test(length) || coding !== undefined)) return true;
  // RFC 9112 section 6.1: a coding in HTTP/1.0 may be of a message that somebody else has framed.
  return coding !== undefined && (coding.toLowerCase() !== "chunked" || httpVersion === "1.0");
}
