import * as http from "node:http";
import * as https from "node:https";
import { urlToHttpOptions } from "node:url";

import { parseBase64Url } from "../../core/bytes.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import type { RelayImageKey } from "../../core/relay-protocol/state.ts";
import { signImagePath } from "../../core/sign/image-path.ts";
import type { ProxyEnvironment } from "../net/proxy-environment.ts";
import { receiveHead } from "../net/response-head.ts";
import { ImageError } from "./errors.ts";
import type { ImageObject } from "./image-object.ts";

export type OriginOptions = {
  /** Origin of the control plane. */
  readonly url: string;
  readonly credential: string;
  readonly siteId: string;
  /** The site's keys as last heard; the first one signs. */
  readonly keys: () => readonly RelayImageKey[];
  /** Told the site's state revision that an answer carries. */
  readonly onRevision: (revision: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Without a byte for so long, a connection is given up. */
  readonly idleTimeoutMs?: number;
  readonly proxy?: ProxyEnvironment;
};

/** Where image bytes come from: the control plane. */
export type Origin = {
  /**
   * Begins to download bytes `start` to `end` (exclusive); the stream may break
   * off, and what it brings is not verified.
   *
   * @throws ImageError `unavailable`, `gone`, `rejected`; whatever a broken connection throws
   */
  open(object: ImageObject, start: number, end: number, signal: AbortSignal): Promise<http.IncomingMessage>;
  close(): void;
};

/** The relay's own requests begin at once; their signature need not last. */
const SIGNATURE_SECONDS = 3600;
const IDLE_TIMEOUT_MS = 20_000;
/** To the control plane at a time; further ones wait. */
const MAX_CONNECTIONS = 16;

/** Creates the way to the control plane's image files, by URLs that the relay signs for itself. */
export function createOrigin({
  url,
  credential,
  siteId,
  keys,
  onRevision,
  now,
  idleTimeoutMs = IDLE_TIMEOUT_MS,
  proxy,
}: OriginOptions): Origin {
  const { protocol, hostname, port } = urlToHttpOptions(new URL(url));
  const module = protocol === "https:" ? https : http;
  const agent = new module.Agent({
    ...{ keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: idleTimeoutMs },
    proxyEnv: { ...proxy },
  });

  async function signedPath({ image, revision, path }: ImageObject): Promise<string> {
    const [signer] = keys();
    const key = parseBase64Url(signer?.key ?? "");
    if (signer === undefined || key === undefined) {
      throw new ImageError("unavailable", "the site's keys are not known yet");
    }
    return signImagePath({
      key,
      kid: signer.kid,
      siteId,
      path: `/i/${[image, revision, ...path.split("/")].map(encodeURIComponent).join("/")}`,
      expiresAt: Math.floor(now() / 1000) + SIGNATURE_SECONDS,
    });
  }

  return {
    async open(object, start, end, signal) {
      const isWhole = start === 0 && end === object.sizeBytes;
      const headers: http.OutgoingHttpHeaders = {
        authorization: `Bearer ${credential}`,
        "accept-encoding": "identity",
        ...(!isWhole && { range: `bytes=${start}-${end - 1}`, "if-range": `"${object.sha256}"` }),
      };
      const request = module.request({
        ...{ protocol, hostname, port, agent, signal, headers },
        path: await signedPath(object),
      });
      request.setTimeout(idleTimeoutMs, () => request.destroy(new Error("the connection was idle")));
      const response = await receiveHead(request);
      const revision = response.headers[RELAY_HEADER.STATE];
      if (typeof revision === "string") onRevision(revision);
      try {
        checkHead(response, object, start, end);
      } catch (error) {
        response.on("error", () => undefined).destroy();
        throw error;
      }
      return response;
    },
    close: () => agent.destroy(),
  };
}

/** Whether an answer is the one asked for. @throws ImageError if not */
function checkHead(
  { statusCode: status = 0, headers }: http.IncomingMessage,
  object: ImageObject,
  start: number,
  end: number,
): void {
  const isWhole = start === 0 && end === object.sizeBytes;
  if (status === 404 || status === 410) throw new ImageError("gone", `the origin answered ${status}`);
  if (status !== (isWhole ? 200 : 206)) {
    // Say, a 200 to a Range: the file is another one, or the origin knows no ranges.
    const isLie = status < 400 || status === 416;
    throw new ImageError(isLie ? "rejected" : "unavailable", `the origin answered ${status}`);
  }
  if (headers["content-encoding"] !== undefined) {
    throw new ImageError("rejected", "the origin sent the file encoded");
  }
  const length = headers["content-length"];
  if (length !== undefined && Number(length) !== end - start) {
    throw new ImageError("rejected", `the origin announced ${length} bytes, not ${end - start}`);
  }
  const range = `bytes ${start}-${end - 1}/${object.sizeBytes}`;
  if (!isWhole && headers["content-range"] !== range) {
    throw new ImageError("rejected", `the origin sent another range: ${headers["content-range"]}`);
  }
}
