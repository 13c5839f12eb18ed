import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { onTestFinished } from "vitest";

import type { BootEventInput } from "../../../core/relay-protocol/events.ts";
import { openFileRoot } from "../../../relay/boot-files/file-root.ts";
import type { RelayState } from "../../../core/relay-protocol/state.ts";
import { createClock } from "../../../relay/clock.ts";
import { createContact, type Contact } from "../../../relay/control-plane/contact.ts";
import type { Decider } from "../../../relay/decision/decider.ts";
import { LastGoodStore } from "../../../relay/decision/last-good-store.ts";
import type { HandleRequest, RequestHandlerOptions } from "../../../relay/http/handle-request.ts";
import { Gate } from "../../../relay/http/gate.ts";
import { createPacer, type Pacer } from "../../../relay/http/pacer.ts";
import type { RelayConfig } from "../../../relay/config/model.ts";
import { startMirror } from "../../../relay/mirror/start.ts";
import { createCachedLookup } from "../../../relay/net/cached-lookup.ts";
import { createClientObserver } from "../../../relay/http/observe-client.ts";
import { startHttpServer, type HttpServerLimits } from "../../../relay/http/server.ts";
import { createUpstream } from "../../../relay/http/upstream.ts";
import type { HeardCallback } from "../../../relay/journal/journal-writer.ts";
import { createMachineHttp } from "../../../relay/machine-http.ts";
import { SITE, state } from "../control-plane/site-state.ts";

export const CREDENTIAL = "pxr_a-fake-credential";
export const CLIENT_MAC = "52:54:00:00:00:01";

/** A fake control plane on loopback: answers what the test tells it to. */
export async function startFakeControlPlane(
  handle: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<string> {
  const server = createServer((request, response) => {
    // Some tests cut the connection on purpose; what the fake was doing then fails.
    Promise.resolve(handle(request, response)).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An address that nobody listens on: a WAN that is down. */
export async function deadOrigin(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

export type RelayUnderTest = {
  /** What TFTP asks. */
  readonly handleForTftp: HandleRequest;
  readonly port: number;
  readonly url: string;
  readonly root: string;
  readonly lastGoodDir: string;
  readonly events: BootEventInput[];
  /** Callbacks that went to the journal. */
  readonly callbacks: HeardCallback[];
  readonly revisions: string[];
  readonly logLines: string[];
  readonly decider: Decider;
};

/** Where every image URL is a bad one. */
const NO_IMAGES: RequestHandlerOptions["images"] = {
  resolve: async () => ({ kind: "refused" }),
  held: () => undefined,
  open() {
    throw new Error("there are no images");
  },
};

export type RelayUnderTestOptions = {
  readonly leased?: boolean;
  readonly bootWaitSeconds?: number | null;
  /** The client boots a system that lives in memory. */
  readonly diskless?: true;
  readonly decisionMs?: number;
  readonly holdMs?: { readonly answers: number; readonly callbacks: number };
  readonly images?: RequestHandlerOptions["images"];
  readonly mirrors?: RelayConfig["mirrors"];
  /** For what mirrors keep. */
  readonly mirrorBytes?: number;
  /** The mirrors' clock, milliseconds since the epoch. */
  readonly mirrorNow?: () => number;
  readonly gate?: Gate;
  readonly limits?: HttpServerLimits;
  readonly pacer?: Pacer;
  readonly lastGoodDir?: string;
  readonly imageKeys?: RelayState["imageKeys"];
  readonly probe?: (contact: Contact) => void;
  readonly recordCallback?: (callback: HeardCallback) => Promise<void>;
};

/** The site of capabilities in these tests. */
export const SITE_ID = "00000000000000aa";
/** A well-formed capability of that site. */
export const CAPABILITY = `${SITE_ID}${"0123456789abcdef".repeat(2)}`;

/** The relay's HTTP side alone, on loopback; 127.0.0.1 holds a lease of `CLIENT_MAC`. */
export async function startRelayHttp(
  url: string,
  options: RelayUnderTestOptions = {},
): Promise<RelayUnderTest> {
  const root = await mkdtemp(join(tmpdir(), "pxedge-http-"));
  onTestFinished(() => rm(root, { recursive: true }));
  const { lastGoodDir = root, bootWaitSeconds = 300, diskless, imageKeys = [] } = options;
  const events: BootEventInput[] = [];
  const callbacks: HeardCallback[] = [];
  const revisions: string[] = [];
  const logLines: string[] = [];
  const log = pino({ level: "debug" }, { write: (line) => void logLines.push(line) });
  const clock = createClock({ host: Date.now, monotonic: () => performance.now() });
  const contact = createContact({ clock });
  const upstream = createUpstream({
    url,
    credential: CREDENTIAL,
    onRevision: (revision) => revisions.push(revision),
    contact,
  });
  const machines = diskless ? [{ id: "m1", name: "m1", macs: [CLIENT_MAC], diskless }] : [];
  const site = state({ site: { ...SITE, id: SITE_ID, bootWaitSeconds }, imageKeys, machines });
  const lastGood = new LastGoodStore({
    file: join(lastGoodDir, "last-good.db"),
    now: Date.now,
    onDamaged: () => undefined,
  });
  const mirror = startMirror({
    stateDir: lastGoodDir,
    maxBytes: options.mirrorBytes ?? (options.mirrors === undefined ? 0 : 64 * 1024 * 1024),
    lookup: createCachedLookup(),
    log,
    onEvent: (event) => events.push(event),
    ...(options.mirrorNow !== undefined && { now: options.mirrorNow }),
  });
  const { handle, handleForTftp, decider } = createMachineHttp({
    upstream,
    mirror,
    mirrors: () => options.mirrors ?? {},
    images: options.images ?? NO_IMAGES,
    siteId: SITE_ID,
    site: () => site,
    contact,
    probe: () => options.probe?.(contact),
    lastGood,
    journal: {
      sink: (event) => events.push(event),
      hasCallbacks: () => callbacks.length > 0,
      recordCallback: async (callback) => {
        await options.recordCallback?.(callback);
        callbacks.push(callback);
      },
    },
    fileRoot: await openFileRoot(root),
    gate: options.gate ?? new Gate(),
    pacer:
      options.pacer ??
      createPacer({ bytesPerSecond: null, bytesPerSecondPerClient: null, now: () => performance.now() }),
    observe: createClientObserver({
      macByAddress: () => (options.leased === false ? undefined : CLIENT_MAC),
      lookupNeighbour: () => undefined,
      overheard: () => undefined,
    }),
    // Ample: what a loaded machine delays is not what these tests are about.
    decisionMs: () => options.decisionMs ?? 10_000,
    now: Date.now,
    holdMs: options.holdMs ?? { answers: 500, callbacks: 500 },
    log,
  });
  const server = await startHttpServer(
    { interface: "lo", address: "127.0.0.1", port: 0 },
    handle,
    log,
    options.limits,
  );
  onTestFinished(async () => {
    upstream.close();
    await server.stop();
    lastGood.close();
    mirror.stop();
  });
  const { port } = server.listener;
  const relayUrl = `http://127.0.0.1:${port}`;
  return {
    ...{ handleForTftp, decider, port, url: relayUrl },
    ...{ root, lastGoodDir, events, callbacks, revisions, logLines },
  };
}

export type RawAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

/** A request with exactly these headers; unlike fetch, it sends what it is told. */
export async function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<RawAnswer> {
  const { method = "GET", headers = {}, body } = options;
  const request = httpRequest(url, { method, headers, agent: false });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode!, headers: response.headers, body: text };
}

/** Sends bytes over a raw socket and returns all that comes back until the other side closes. */
export async function converse(port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.setTimeout(5000, () => socket.destroy(new Error("the relay left the connection open")));
  socket.write(bytes);
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}
