import type { IncomingMessage, ServerResponse } from "node:http";
import { readdir, readFile, rm, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";

import { formatBase64Url } from "../../../core/bytes.ts";
import { renderIpxe } from "../../../core/render/scripts/ipxe.ts";
import { signImagePath, verifyImagePath } from "../../../core/sign/image-path.ts";
import { startWan } from "../../support/wan/wan.ts";
import {
  ask,
  CAPABILITY,
  CLIENT_MAC,
  deadOrigin,
  SITE_ID,
  startFakeControlPlane,
  startRelayHttp,
} from "./fixture.ts";
import { eventually } from "../../support/eventually.ts";

const PATH = `/boot/${CLIENT_MAC}/script.ipxe`;
const LOCAL = renderIpxe({ kind: "local" });
const INSTALL = renderIpxe({
  kind: "kernel",
  kernelUrl: "/i/debian-12/9f/linux?exp=1&kid=k1&sig=AAAA",
  initrdUrls: [],
  args: `auto url=http://192.168.77.1:8080/a/${CAPABILITY}/preseed.cfg`,
});
const KEY = new Uint8Array(32).fill(7);
const IMAGE_KEYS = [{ kid: "k2", key: formatBase64Url(KEY) }];

/** A fake control plane whose next answers are set by the test. */
function fakePlane() {
  const plane = {
    /** How many scripts were served. */
    serves: 0,
    asked: [] as string[],
    script: LOCAL,
    repeatable: "as-is" as string | undefined,
    status: 200,
    delayMs: 0,
    handle: async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      plane.serves++;
      plane.asked.push(request.url!);
      const { script, repeatable, status } = plane;
      await sleep(plane.delayMs);
      if (repeatable !== undefined) response.setHeader("pxedge-repeatable", repeatable);
      response.writeHead(status, { "cache-control": "no-store" }).end(script);
    },
  };
  return plane;
}

async function makeStateDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "pxedge-state-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

describe("while the control plane answers", () => {
  test("its script is passed on, and the mark for us is not", async () => {
    const plane = fakePlane();
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle));
    const answer = await ask(`${relay.url}${PATH}?uuid=4c4c&waited=12`);
    expect(answer).toMatchObject({ status: 200, body: LOCAL });
    expect(answer.headers).not.toHaveProperty("pxedge-repeatable");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(plane.asked).toEqual([`${PATH}?uuid=4c4c`]);
  });

  test("so is its refusal", async () => {
    const plane = fakePlane();
    [plane.status, plane.script] = [404, "not found\n"];
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle));
    expect(await ask(relay.url + PATH)).toMatchObject({ status: 404, body: "not found\n" });
  });

  test("a connection that breaks once costs a moment", async () => {
    const plane = fakePlane();
    let cuts = 1;
    const url = await startFakeControlPlane(async (request, response) => {
      if (cuts-- > 0) return void request.socket.destroy();
      await plane.handle(request, response);
    });
    const relay = await startRelayHttp(url);
    expect((await ask(relay.url + PATH)).body).toBe(LOCAL);
  });

  test.each([500, 503, 429])("a %d is asked again within the budget", async (status) => {
    const plane = fakePlane();
    plane.status = status;
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle), { decisionMs: 3000 });
    const answer = ask(relay.url + PATH);
    await eventually(() => expect(plane.serves).toBe(1));
    plane.status = 200;
    expect(await answer).toMatchObject({ status: 200, body: LOCAL });
  });
});

describe("without an answer in time", () => {
  test.each(["dead", "silent"])(
    "a WAN that is %s: a script within the budget that says so and asks again",
    async (kind) => {
      const url = kind === "dead" ? await deadOrigin() : await startFakeControlPlane(() => undefined);
      const relay = await startRelayHttp(url, { decisionMs: 500 });
      const startedAt = performance.now();
      const answer = await ask(`${relay.url}${PATH}?uuid=4c4c&waited=20`);
      expect(performance.now() - startedAt).toBeLessThan(1500);
      expect(answer.status).toBe(200);
      expect(answer.headers["cache-control"]).toBe("no-store");
      const why =
        kind === "dead"
          ? "the control plane cannot be reached from this site"
          : "the control plane does not answer";
      expect(answer.body).toMatch(new RegExp(`^#!ipxe\necho pxedge: ${why}\n`));
      expect(answer.body).toMatch(/script\.ipxe\?.*&waited=(?:2[89]|3[0-9])/);
      await eventually(() => expect(relay.events).toHaveLength(2));
      expect(relay.events).toMatchObject([
        { stage: "decision", name: "served", detail: { kind: "retry", dialect: "ipxe", by: "relay" } },
        { stage: "http", name: "failed", mac: CLIENT_MAC },
      ]);
    },
  );

  test("a machine that has waited long enough boots its local disk", async () => {
    const relay = await startRelayHttp(await deadOrigin(), { decisionMs: 200, bootWaitSeconds: 60 });
    expect((await ask(`${relay.url}${PATH}?waited=59`)).body).toBe(LOCAL);
    const diskless = await startRelayHttp(await deadOrigin(), { decisionMs: 200, bootWaitSeconds: null });
    expect((await ask(`${diskless.url}${PATH}?waited=5900`)).body).toContain("&waited=");
  });

  test("one that boots into memory waits for ever, whatever its site says", async () => {
    const options = { decisionMs: 200, bootWaitSeconds: 60, diskless: true } as const;
    const relay = await startRelayHttp(await deadOrigin(), options);
    expect((await ask(`${relay.url}${PATH}?waited=5900`)).body).toContain("&waited=");
    expect((await ask(`${relay.url}/boot.ipxe`)).body).toContain("goto again");
    const other = await startRelayHttp(await deadOrigin(), { ...options, leased: false });
    expect((await ask(`${other.url}/boot.ipxe`)).body).not.toContain("goto again");
  });

  test.each([
    ["grub.cfg", /^echo .*the control plane cannot be reached.*\n(?:.*\n)*set pxedge_query=.*waited=/],
    ["pxelinux.cfg", /^SAY pxedge: the control plane cannot be reached(?:.*\n)*.*CONFIG ::boot.*waited=/],
  ])("%s, in its own language", async (file, text) => {
    const relay = await startRelayHttp(await deadOrigin(), { decisionMs: 200 });
    const answer = await ask(`${relay.url}/boot/${CLIENT_MAC}/${file}`);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatch(text);
  });

  test("a refused relay says so on the machine's console, and boots nothing that it knew", async () => {
    const plane = fakePlane();
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle), { decisionMs: 500 });
    await ask(relay.url + PATH);
    plane.status = 401;
    expect((await ask(relay.url + PATH)).body).toContain("run pxedge relay join on it again");
  });
});

describe("a last known good script", () => {
  test("the local disk is booted at once where the WAN is cut, also after a restart", async () => {
    const plane = fakePlane();
    const wan = await startWan({ origin: await startFakeControlPlane(plane.handle) });
    onTestFinished(() => wan.stop());
    const stateDir = await makeStateDir();
    const options = { decisionMs: 500, lastGoodDir: stateDir, bootWaitSeconds: null };
    const relay = await startRelayHttp(wan.url, options);
    expect((await ask(relay.url + PATH)).body).toBe(LOCAL);
    for (const state of ["silent", "refused"] as const) {
      await wan.set({ state });
      expect((await ask(`${relay.url}${PATH}?uuid=x`)).body).toBe(LOCAL);
    }
    expect(relay.events).toContainEqual(
      expect.objectContaining({
        stage: "decision",
        detail: expect.objectContaining({ kind: "last-known-good", by: "relay" }),
      }),
    );
    const restarted = await startRelayHttp(wan.url, options);
    expect((await ask(restarted.url + PATH)).body).toBe(LOCAL);
  });

  test("not where the WAN works and lost this one answer: the next brings what is true now", async () => {
    const plane = fakePlane();
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle), {
      decisionMs: 500,
      probe: (contact) => contact.answered({ status: 200, tookMs: 1, date: null }),
    });
    await ask(relay.url + PATH);
    plane.delayMs = 60_000;
    expect((await ask(relay.url + PATH)).body).toContain("the control plane does not answer");
  });

  test("it is of this machine as it was observed, and of its dialect", async () => {
    const plane = fakePlane();
    const wan = await startWan({ origin: await startFakeControlPlane(plane.handle) });
    onTestFinished(() => wan.stop());
    const stateDir = await makeStateDir();
    const relay = await startRelayHttp(wan.url, { decisionMs: 300, lastGoodDir: stateDir });
    await ask(relay.url + PATH);
    await wan.set({ state: "refused" });
    const other = await ask(`${relay.url}/boot/52-54-00-00-00-99/script.ipxe`);
    expect(other.body).toContain("cannot be reached");
    const unobserved = await startRelayHttp(wan.url, {
      decisionMs: 300,
      lastGoodDir: stateDir,
      leased: false,
    });
    expect((await ask(unobserved.url + PATH)).body).toContain("cannot be reached");
    expect((await ask(`${relay.url}/boot/${CLIENT_MAC}/grub.cfg`)).body).toContain("cannot be reached");
  });

  test.each(["as-is", undefined])(
    "an install is never one, marked %s or not, and ends what was known",
    async (mark) => {
      const plane = fakePlane();
      const wan = await startWan({ origin: await startFakeControlPlane(plane.handle) });
      onTestFinished(() => wan.stop());
      const stateDir = await makeStateDir();
      const relay = await startRelayHttp(wan.url, { decisionMs: 500, lastGoodDir: stateDir });
      await ask(relay.url + PATH);
      [plane.script, plane.repeatable] = [INSTALL, mark];
      expect((await ask(relay.url + PATH)).body).toBe(INSTALL);
      await wan.set({ state: "refused" });
      const { body } = await ask(relay.url + PATH);
      expect(body).toContain("cannot be reached");
      for (const name of await readdir(stateDir)) {
        if (!name.startsWith("last-good")) continue;
        expect((await readFile(join(stateDir, name))).includes(CAPABILITY), name).toBe(false);
      }
    },
  );

  test("a live system's image URLs are signed anew", async () => {
    const plane = fakePlane();
    const path = "/i/rescue/9f/linux";
    const old = { key: new Uint8Array(32), kid: "k1", siteId: SITE_ID };
    plane.script = renderIpxe({
      kind: "kernel",
      kernelUrl: await signImagePath({ ...old, path, expiresAt: 1 }),
      initrdUrls: [],
      args: "quiet",
    });
    plane.repeatable = "signed-anew";
    const wan = await startWan({ origin: await startFakeControlPlane(plane.handle) });
    onTestFinished(() => wan.stop());
    const relay = await startRelayHttp(wan.url, { decisionMs: 500, imageKeys: IMAGE_KEYS });
    await ask(relay.url + PATH);
    await wan.set({ state: "refused" });
    const { body } = await ask(relay.url + PATH);
    const [, query] = /kernel --name kernel \/i\/rescue\/9f\/linux\?(\S+)/.exec(body)!;
    const verdict = await verifyImagePath({
      keys: new Map([["k2", KEY]]),
      siteId: SITE_ID,
      path,
      query: query!,
      now: Date.now(),
    });
    expect(verdict.kind).toBe("valid");
  });

  test("nor is a script that was chosen in a menu", async () => {
    const plane = fakePlane();
    const wan = await startWan({ origin: await startFakeControlPlane(plane.handle) });
    onTestFinished(() => wan.stop());
    const relay = await startRelayHttp(wan.url, { decisionMs: 300 });
    await ask(`${relay.url}${PATH}?item=disk&menu=7Yt`);
    await wan.set({ state: "refused" });
    const { body } = await ask(`${relay.url}${PATH}?item=disk&menu=7Yt`);
    expect(body).toContain("cannot be reached");
    expect(body).toContain("&item=disk&menu=7Yt&waited=");
  });
});

describe("an answer that comes too late", () => {
  test("an install is counted once, given to nobody in between, and is there when the machine asks again", async () => {
    const plane = fakePlane();
    [plane.script, plane.repeatable, plane.delayMs] = [INSTALL, undefined, 1400];
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle), { decisionMs: 1000 });
    const first = await ask(relay.url + PATH);
    expect(first.body).not.toContain(CAPABILITY);
    expect(first.body).toContain("&waited=");
    await sleep(1000);
    const second = await ask(`${relay.url}${PATH}?waited=3`);
    expect(second.body).toBe(INSTALL);
    expect(plane.serves).toBe(1);
    // Given once: the next one is the control plane's to decide.
    [plane.script, plane.delayMs] = [LOCAL, 0];
    expect((await ask(relay.url + PATH)).body).toBe(LOCAL);
    expect(plane.serves).toBe(2);
  });

  test("a machine that asks while its question is under way waits for that one", async () => {
    const plane = fakePlane();
    [plane.script, plane.repeatable, plane.delayMs] = [INSTALL, undefined, 1400];
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle), { decisionMs: 1000 });
    expect((await ask(relay.url + PATH)).body).toContain("&waited=");
    expect((await ask(`${relay.url}${PATH}?waited=1`)).body).toBe(INSTALL);
    expect(plane.serves).toBe(1);
  });

  test("an install that comes late ends a known good local boot: the machine waits for it from then on", async () => {
    const plane = fakePlane();
    const wan = await startWan({ origin: await startFakeControlPlane(plane.handle) });
    onTestFinished(() => wan.stop());
    const relay = await startRelayHttp(wan.url, { decisionMs: 1000 });
    expect((await ask(relay.url + PATH)).body).toBe(LOCAL);
    [plane.script, plane.repeatable, plane.delayMs] = [INSTALL, undefined, 1400];
    // Nothing else is heard of the control plane, so this boots the disk: no harm, and no install.
    expect((await ask(relay.url + PATH)).body).toBe(LOCAL);
    await eventually(async () => expect((await wan.counts()).exchanges).toBe(2));
    await sleep(900);
    await wan.set({ state: "refused" });
    // Given once, to whom it was decided for.
    expect((await ask(relay.url + PATH)).body).toBe(INSTALL);
    expect((await ask(relay.url + PATH)).body).toContain("cannot be reached");
    expect(plane.serves).toBe(2);
  });
});
