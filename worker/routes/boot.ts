import { Hono } from "hono";
import { formatBootScript } from "../boot-script.ts";
import { parseMac, type Mac } from "../../core/addresses.ts";
import { renderLocalBoot } from "../../core/render/scripts/local-boot.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import { readRelayCredential } from "../authenticate.ts";
import { parseCapability } from "../credentials.ts";
import { siteObject } from "../env.ts";
import { readText, type App, type AppContext } from "../http.ts";
import { ProblemError, unwrap, type Result } from "../problem.ts";
import type { ForRelay } from "../site-object/site-object.ts";

const CALLBACKS = ["started", "progress", "installed", "failed", "log"] as const;
/** Of what an installer says, so much is kept. */
const MAX_MESSAGE_LENGTH = 1_000;
/** Neither kept nor compressed on the way: a boot loader takes the bytes as they come. */
const NO_STORE = "no-store, no-transform";

/** What machines ask for, through their relay: scripts, answers, callbacks. */
export const bootRoutes = new Hono<App>();

bootRoutes.use("/boot/*", readRelayCredential);
bootRoutes.use("/a/*", readRelayCredential);
bootRoutes.use("/e/*", readRelayCredential);

bootRoutes.get("/boot/:mac/script.ipxe", async (c) => {
  const mac = parseMac(c.req.param("mac"));
  // No machine has such an address, so it gets what an unknown machine gets.
  if (mac === undefined) return ipxe(c, renderLocalBoot());
  const relay = c.get("relay");
  const plan = forRelay(
    c,
    await siteObject(c.env, relay.siteId).openScript(relay, {
      mac,
      observedMac: observedMac(c),
      baseUrl: baseUrl(c),
    }),
  );
  return ipxe(c, await formatBootScript(c.env, relay.siteId, plan));
});

bootRoutes.on(["GET", "HEAD", "POST"], "/a/:capability/:file{.+}", async (c) => {
  const relay = c.get("relay");
  const capability = await parseCapability(c.req.param("capability"));
  if (capability === undefined || capability.siteId !== relay.siteId) return refused();
  const outcome = forRelay(
    c,
    await siteObject(c.env, relay.siteId).openAnswer(relay, {
      capability: c.req.param("capability"),
      secretHash: capability.secretHash,
      file: c.req.param("file"),
      commits: c.req.method !== "HEAD",
      observedMac: observedMac(c),
      baseUrl: baseUrl(c),
    }),
  );
  if (outcome.kind === "refused") return refused();
  const body = new TextEncoder().encode(outcome.text);
  return c.body(body as Uint8Array<ArrayBuffer>, 200, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(body.length),
    "cache-control": NO_STORE,
  });
});

bootRoutes.on(["GET", "POST"], "/e/:capability/:event", async (c) => {
  const relay = c.get("relay");
  const capability = await parseCapability(c.req.param("capability"));
  const event = CALLBACKS.find((name) => name === c.req.param("event"));
  if (event === undefined || capability === undefined || capability.siteId !== relay.siteId) return refused();
  const message = c.req.method === "POST" ? await readText(c) : (c.req.query("message") ?? "");
  const accepted = forRelay(
    c,
    await siteObject(c.env, relay.siteId).takeCallback(relay, {
      secretHash: capability.secretHash,
      event,
      // The end of an installer's log says more than its beginning.
      message: message.slice(-MAX_MESSAGE_LENGTH),
      observedMac: observedMac(c),
    }),
  );
  return accepted ? c.text("ok\n", 200, { "cache-control": NO_STORE }) : refused();
});

/** Unwraps what a SiteObject answered to a relay, and tells the relay how new the site's state is. */
function forRelay<T>(c: AppContext, result: Result<ForRelay<T>>): T {
  const { stateRevision, value } = unwrap(result);
  c.header(RELAY_HEADER.STATE, String(stateRevision));
  return value;
}

/** One and the same for whatever is unknown, spent, expired or another site's. */
function refused(): Response {
  return new Response("not found\n", {
    status: 404,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": NO_STORE },
  });
}

function ipxe(c: AppContext, script: string): Response {
  return c.body(script, 200, { "content-type": "text/plain; charset=utf-8", "cache-control": NO_STORE });
}

function observedMac(c: AppContext): Mac | null {
  return parseMac(c.req.header(RELAY_HEADER.CLIENT_MAC) ?? "") ?? null;
}

/** Where the machine reaches its relay; the relay's word, which its credential stands for. */
function baseUrl(c: AppContext): string {
  const base = c.req.header(RELAY_HEADER.BASE_URL) ?? "";
  if (/^http:\/\/[0-9.]{7,15}(?::\d{1,5})?$/.test(base)) return base;
  throw new ProblemError({
    type: "bad-request",
    detail: `the relay sent no usable ${RELAY_HEADER.BASE_URL} header`,
  });
}
