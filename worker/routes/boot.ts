import { Hono } from "hono";
import { createBootPlan, repeatabilityOf } from "../boot-plan.ts";
import { writeScript } from "../boot-script.ts";
import { dialectOfFile } from "../../core/boot/dialect.ts";
import { parseIpv4, parseMac, type Ipv4, type Mac } from "../../core/addresses.ts";
import { renderScript } from "../../core/render/scripts/dialects.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import { parseCapability } from "../../core/boot/capability.ts";
import { isCallbackName, MAX_CALLBACK_MESSAGE_LENGTH } from "../../core/relay-protocol/events.ts";
import { siteObject } from "../env.ts";
import { readText, type App, type AppContext } from "../http.ts";
import { forClient, isDirect, nameAttempt, requireClient } from "../for-client.ts";
import { ProblemError } from "../problem.ts";
import { NO_STORE, refused } from "../refusal.ts";
import type { AnswerOutcome } from "../site-object/answer-request.ts";
import type { SmbiosClaims } from "../site-object/discovered.ts";

/** Of what a machine says of its SMBIOS data, so much is kept. */
const MAX_CLAIM_LENGTH = 128;

/** What machines ask for: scripts, answers, callbacks. */
export const bootRoutes = new Hono<App>();

// Hono answers HEAD by GET's handler, but a script that is served counts, and a callback says something.
for (const paths of ["/boot/*", "/e/*"]) {
  bootRoutes.use(paths, async (c, next) => {
    if (c.req.method === "HEAD") return new Response(null, { status: 405, headers: { allow: "GET" } });
    return await next();
  });
}

bootRoutes.get("/boot/:mac/:script{[a-z.]+}", async (c) => {
  const dialect = dialectOfFile(c.req.param("script"));
  if (dialect === undefined) return c.notFound();
  const mac = parseMac(c.req.param("mac"));
  // No machine has such an address, so it gets what an unknown machine gets.
  if (mac === undefined) {
    await requireClient(c);
    return script(c, renderScript(dialect, { kind: "local" }, { mac: "", baseUrl: "" }));
  }
  const { credential, prefix } = c.get("client");
  const site = siteObject(c.env, credential.siteId);
  const place = { mac, baseUrl: baseUrl(c) };
  const item = menuItem(c);
  const { plan, attempt } = forClient(
    c,
    await site.openScript(credential, {
      ...place,
      dialect,
      observedMac: observedMac(c),
      clientIp: clientIp(c),
      smbios: smbiosClaims(c),
      item,
    }),
  );
  nameAttempt(c, attempt);
  const bootPlan = await createBootPlan(c.env, { siteId: credential.siteId, prefix }, dialect, plan);
  const { text, refused: reason } = writeScript(dialect, bootPlan, place);
  if (reason !== null) {
    forClient(c, await site.noteRefusedScript(credential, { mac, dialect, reason }));
    return script(c, text);
  }
  // Without the choice, the same machine is shown the menu.
  const repeatable = item === null ? repeatabilityOf(plan, bootPlan) : undefined;
  if (repeatable !== undefined && !isDirect(c)) c.header(RELAY_HEADER.REPEATABLE, repeatable);
  return script(c, text);
});

bootRoutes.on(["GET", "HEAD", "POST"], "/a/:capability/:file{.+}", async (c) => {
  const { credential } = c.get("client");
  const capability = await parseCapability(c.req.param("capability"));
  if (capability === undefined || capability.siteId !== credential.siteId) return refused();
  const outcome = forClient(
    c,
    await siteObject(c.env, credential.siteId).openAnswer(credential, {
      capability: c.req.param("capability"),
      secretHash: capability.secretHash,
      file: c.req.param("file"),
      commits: c.req.method !== "HEAD",
      observedMac: observedMac(c),
      clientIp: clientIp(c),
      baseUrl: baseUrl(c),
    }),
  );
  return answer(c, outcome);
});

/** Instead of a MAC, where an address is the same for all machines. */
const WHOEVER_ASKS = "self";

// For installers that cannot be told a capability: the machine observed has it.
bootRoutes.on(["GET", "POST"], "/boot/:mac/answer/:file{.+}", async (c) => {
  const named = c.req.param("mac");
  const mac = named === WHOEVER_ASKS ? observedMac(c) : (parseMac(named) ?? null);
  if (mac === null) {
    await requireClient(c);
    return refused();
  }
  const { credential } = c.get("client");
  const outcome = forClient(
    c,
    await siteObject(c.env, credential.siteId).openFixedAnswer(credential, {
      mac,
      file: c.req.param("file"),
      commits: true,
      observedMac: observedMac(c),
      clientIp: clientIp(c),
      baseUrl: baseUrl(c),
    }),
  );
  return answer(c, outcome);
});

bootRoutes.on(["GET", "POST"], "/e/:capability/:event", async (c) => {
  const { credential } = c.get("client");
  const capability = await parseCapability(c.req.param("capability"));
  const event = c.req.param("event");
  if (!isCallbackName(event) || capability === undefined || capability.siteId !== credential.siteId)
    return refused();
  const message = c.req.method === "POST" ? await readText(c) : (c.req.query("message") ?? "");
  const outcome = forClient(
    c,
    await siteObject(c.env, credential.siteId).takeCallback(credential, {
      secretHash: capability.secretHash,
      event,
      message: message.slice(-MAX_CALLBACK_MESSAGE_LENGTH),
      observedMac: observedMac(c),
      heard: heardBefore(c),
    }),
  );
  if (outcome.kind === "refused") return refused();
  nameAttempt(c, outcome.attempt);
  return c.text("ok\n", 200, { "cache-control": NO_STORE });
});

function answer(c: AppContext, outcome: AnswerOutcome): Response {
  if (outcome.kind === "refused") return refused();
  if (outcome.kind === "unavailable") {
    const detail = "the answer cannot be made at the moment; the machine's timeline says why";
    throw new ProblemError({ type: "unavailable", detail });
  }
  nameAttempt(c, outcome.attempt);
  const body = new TextEncoder().encode(outcome.text);
  return c.body(body as Uint8Array<ArrayBuffer>, 200, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(body.length),
    "cache-control": NO_STORE,
  });
}

function script(c: AppContext, text: string): Response {
  return c.body(text, 200, { "content-type": "text/plain; charset=utf-8", "cache-control": NO_STORE });
}

/** What a relay saw of the client; nobody but a relay is believed. */
function observedMac(c: AppContext): Mac | null {
  if (isDirect(c)) return null;
  return parseMac(c.req.header(RELAY_HEADER.CLIENT_MAC) ?? "") ?? null;
}

/** Under which id a relay may say this again. */
function heardBefore(c: AppContext): { id: string; at: string } | undefined {
  const id = c.req.header(RELAY_HEADER.EVENT_ID) ?? "";
  return isDirect(c) || !/^[\w-]{1,64}$/.test(id) ? undefined : { id, at: new Date().toISOString() };
}

/** The client's address, as its relay saw it. */
function clientIp(c: AppContext): Ipv4 | null {
  const ip = c.req.header(RELAY_HEADER.CLIENT_IP) ?? "";
  return isDirect(c) || parseIpv4(ip) === undefined ? null : ip;
}

/** What stage one adds to the script's URL. */
function smbiosClaims(c: AppContext): SmbiosClaims {
  const claims: Partial<Record<keyof SmbiosClaims, string>> = {};
  for (const name of ["uuid", "serial", "arch", "platform"] as const) {
    const value = c.req.query(name)?.slice(0, MAX_CLAIM_LENGTH);
    if (value !== undefined && value !== "") claims[name] = value;
  }
  return claims;
}

/** What the script of a menu adds to its own URL. */
function menuItem(c: AppContext): { key: string; menu: string } | null {
  const key = c.req.query("item")?.slice(0, MAX_CLAIM_LENGTH);
  return key === undefined ? null : { key, menu: (c.req.query("menu") ?? "").slice(0, MAX_CLAIM_LENGTH) };
}

/** Where the machine reaches the client paths: for a relay its word, which its credential stands for. */
function baseUrl(c: AppContext): string {
  if (isDirect(c)) return new URL(c.req.url).origin + c.get("client").prefix;
  const base = c.req.header(RELAY_HEADER.BASE_URL) ?? "";
  if (/^http:\/\/[0-9.]{7,15}(?::\d{1,5})?$/.test(base)) return base;
  throw new ProblemError({
    type: "bad-request",
    detail: `the relay sent no usable ${RELAY_HEADER.BASE_URL} header`,
  });
}
