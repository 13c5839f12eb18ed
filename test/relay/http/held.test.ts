import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";

import { Gate } from "../../../relay/http/gate.ts";
import { startWan } from "../../support/wan/wan.ts";
import { ask, CAPABILITY, CLIENT_MAC, deadOrigin, startFakeControlPlane, startRelayHttp } from "./fixture.ts";
import { eventually } from "../../support/eventually.ts";

const ANSWER = `/a/${CAPABILITY}/preseed.cfg`;
const CALLBACK = `/e/${CAPABILITY}`;
const CAPABILITY_HASH = createHash("sha256").update(CAPABILITY.slice(16)).digest("hex");
const LONG_HOLD = { answers: 15_000, callbacks: 15_000 };

type Handle = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Fails the first requests in the given ways, then answers. */
function failing(
  ways: readonly ("cut" | 101 | 503 | "half")[],
  then: Handle,
): { handle: Handle; requests: string[] } {
  const requests: string[] = [];
  const left = [...ways];
  const handle: Handle = async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    requests.push(`${request.method} ${request.url} ${body}`.trim());
    const way = left.shift();
    if (way === "cut") request.socket.destroy();
    else if (way === 101)
      request.socket.write("HTTP/1.1 101 Other\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    else if (way === 503) response.writeHead(503).end();
    else if (way === "half") {
      response.writeHead(200, { "content-length": 100 });
      response.write("half of it", () => request.socket.destroy());
    } else await then(request, response);
  };
  return { handle, requests };
}

const sendSecret: Handle = (_request, response) => {
  response.writeHead(200, { "cache-control": "no-store" });
  response.write("d-i passwd/root-password ");
  response.end("password correct-horse");
};

describe("an installer's answer", () => {
  test.each([["cut"], [101], [503], ["half"]] as const)("is asked for again after %s", async (way) => {
    const plane = failing([way, way], sendSecret);
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle), { holdMs: LONG_HOLD });
    const answer = await ask(relay.url + ANSWER);
    expect(answer).toMatchObject({
      status: 200,
      body: "d-i passwd/root-password password correct-horse",
      headers: { "content-length": "47", "cache-control": "no-store" },
    });
    expect(plane.requests).toEqual(Array.from({ length: 3 }, () => `GET ${ANSWER}`));
  });

  test("so is a POST, with its body", async () => {
    const plane = failing(["cut"], sendSecret);
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle), { holdMs: LONG_HOLD });
    const path = `/boot/${CLIENT_MAC}/answer/answer.toml`;
    await ask(relay.url + path, { method: "POST", body: '{"product":"pve"}' });
    expect(plane.requests).toEqual([`POST ${path} {"product":"pve"}`, `POST ${path} {"product":"pve"}`]);
  });

  test("a WAN that comes back within the hold costs time and nothing else", async () => {
    const wan = await startWan({
      origin: await startFakeControlPlane(sendSecret),
      conditions: { state: "refused" },
    });
    onTestFinished(() => wan.stop());
    const relay = await startRelayHttp(wan.url, { holdMs: LONG_HOLD });
    const answer = ask(relay.url + ANSWER);
    await sleep(1000);
    await wan.set({ state: "up" });
    expect((await answer).status).toBe(200);
  });

  test("a refusal is passed on at once", async () => {
    const plane = failing([], (_request, response) => void response.writeHead(404).end("not found\n"));
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle), { holdMs: LONG_HOLD });
    expect(await ask(relay.url + ANSWER)).toMatchObject({ status: 404, body: "not found\n" });
    expect(plane.requests).toHaveLength(1);
  });

  test("in the end it is 503 with Retry-After, and an event", async () => {
    const relay = await startRelayHttp(await deadOrigin());
    const answer = await ask(relay.url + ANSWER);
    expect(answer.status).toBe(503);
    expect(answer.headers["retry-after"]).toBe("5");
    await eventually(() =>
      expect(relay.events).toMatchObject([
        {
          name: "failed",
          detail: { path: "/a/…/preseed.cfg", reason: expect.stringContaining("ECONNREFUSED") },
        },
      ]),
    );
  });

  test("HEAD says how long it is, and has no body", async () => {
    const relay = await startRelayHttp(
      await startFakeControlPlane(
        (_request, response) => void response.writeHead(200, { "content-length": 47 }).end(),
      ),
    );
    const answer = await ask(relay.url + ANSWER, { method: "HEAD" });
    expect(answer).toMatchObject({ status: 200, body: "", headers: { "content-length": "47" } });
  });

  test("an installer that leaves is not asked for any more", async () => {
    const plane = failing([503, 503, 503, 503, 503], sendSecret);
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle), { holdMs: LONG_HOLD });
    const request = httpRequest(relay.url + ANSWER, { agent: false }).end();
    request.on("error", () => undefined);
    await eventually(() => expect(plane.requests).toHaveLength(1));
    request.destroy();
    await eventually(() => expect(relay.events).toMatchObject([{ name: "failed" }]));
    expect(plane.requests.length).toBeLessThan(3);
  });

  test("too many at once are told to come back", async () => {
    const relay = await startRelayHttp(await startFakeControlPlane(() => undefined), {
      holdMs: { answers: 4000, callbacks: 500 },
      gate: new Gate({ boot: { total: 1000, perClient: 1000 }, image: { total: 1, perClient: 1 } }),
    });
    const answers = await Promise.all(Array.from({ length: 260 }, () => ask(relay.url + ANSWER)));
    expect(
      answers.filter(({ status, headers }) => status === 503 && headers["retry-after"] === "5"),
    ).toHaveLength(260);
    await eventually(() =>
      expect(
        relay.logLines.filter((line) => line.includes("too many requests are held")).length,
      ).toBeGreaterThan(3),
    );
  });

  test("one client that holds all that it may does not keep others from theirs", async () => {
    const relay = await startRelayHttp(await startFakeControlPlane(sendSecret));
    // Bodies that never come.
    const head = `POST ${ANSWER} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n`;
    const greedy = Array.from({ length: 300 }, () => connect({ port: relay.port, host: "127.0.0.1" }));
    onTestFinished(() => greedy.forEach((socket) => socket.destroy()));
    for (const socket of greedy) socket.on("error", () => undefined).write(head);
    const answers = async (localAddress: string) => {
      const request = httpRequest(relay.url + ANSWER, { agent: false, localAddress }).end();
      const [response] = (await once(request, "response")) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    await eventually(async () => expect(await answers("127.0.0.1")).toBe(503));
    expect(await answers("127.0.0.2")).toBe(200);
  });

  test("nothing of it is ever on disk, nor its capability", async () => {
    const relay = await startRelayHttp(await startFakeControlPlane(sendSecret));
    await ask(relay.url + ANSWER);
    await ask(`${relay.url}/boot/${CLIENT_MAC}/answer/preseed.cfg`);
    const names = await readdir(relay.lastGoodDir, { recursive: true });
    expect(names).toContain("last-good.db");
    for (const name of names) {
      const bytes = await readFile(join(relay.lastGoodDir, name));
      expect(bytes.includes("correct-horse"), name).toBe(false);
      expect(bytes.includes(CAPABILITY.slice(16)), name).toBe(false);
    }
  });
});

describe("a callback", () => {
  test("its answer is passed on", async () => {
    const plane = failing([], (_request, response) => void response.end("ok\n"));
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle));
    expect(await ask(`${relay.url}${CALLBACK}/installed`, { method: "POST" })).toMatchObject({
      status: 200,
      body: "ok\n",
    });
    expect(relay.callbacks).toEqual([]);
  });

  test("all tries for one carry one id, so that it counts once", async () => {
    const ids = new Set<unknown>();
    const plane = failing(["cut", 503], (_request, response) => void response.end("ok\n"));
    const url = await startFakeControlPlane((request, response) => {
      ids.add(request.headers["pxedge-event-id"]);
      return plane.handle(request, response);
    });
    const relay = await startRelayHttp(url, { holdMs: LONG_HOLD });
    for (const name of ["started", "installed"]) {
      await ask(`${relay.url}${CALLBACK}/${name}`, { headers: { "pxedge-event-id": "forged" } });
    }
    expect(plane.requests).toHaveLength(4);
    expect(ids.size).toBe(2);
    expect([...ids].every((id) => /^[0-9a-f-]{36}$/.test(String(id)))).toBe(true);
  });

  test("what the control plane could not be told is kept with its time, and acknowledged", async () => {
    const relay = await startRelayHttp(await deadOrigin(), { holdMs: { answers: 500, callbacks: 3000 } });
    const before = Date.now();
    const answer = await ask(`${relay.url}${CALLBACK}/failed`, {
      method: "POST",
      body: "x".repeat(2000) + "disk full",
    });
    expect(answer).toMatchObject({ status: 204, body: "" });
    await ask(`${relay.url}${CALLBACK}/log?message=it%20works`);
    expect(relay.callbacks).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        at: expect.any(String),
        mac: CLIENT_MAC,
        name: "failed",
        capabilityHash: CAPABILITY_HASH,
        message: "x".repeat(991) + "disk full",
      },
      expect.objectContaining({ name: "log", message: "it works" }),
    ]);
    const at = Date.parse(relay.callbacks[0]!.at);
    expect(at).toBeGreaterThanOrEqual(before);
    // When it came, not when we gave up.
    expect(at).toBeLessThan(before + 2000);
  });

  test("none overtakes another: neither one under way nor one in the journal", async () => {
    const plane = failing(
      [503, 503, 503, 503, 503, 503, 503, 503],
      (_request, response) => void response.end("ok\n"),
    );
    const relay = await startRelayHttp(await startFakeControlPlane(plane.handle), {
      holdMs: { answers: 500, callbacks: 1500 },
    });
    const [first, second] = await Promise.all([
      ask(`${relay.url}${CALLBACK}/started`),
      sleep(100).then(() => ask(`${relay.url}${CALLBACK}/installed`)),
    ]);
    expect([first.status, second.status]).toEqual([204, 204]);
    expect(relay.callbacks.map(({ name }) => name)).toEqual(["started", "installed"]);
    expect(plane.requests.every((request) => request.includes("/started"))).toBe(true);
  });

  test("an installer that leaves has said what it had to say", async () => {
    const relay = await startRelayHttp(await deadOrigin());
    const request = httpRequest(`${relay.url}${CALLBACK}/installed`, { method: "POST", agent: false });
    request.on("error", () => undefined);
    request.end("done");
    await sleep(100);
    request.destroy();
    await eventually(() => expect(relay.callbacks).toMatchObject([{ name: "installed", message: "done" }]));
  });

  test("one that cannot be kept is not acknowledged", async () => {
    const relay = await startRelayHttp(await deadOrigin(), {
      recordCallback: () => Promise.reject(new Error("disk full")),
    });
    const answer = await ask(`${relay.url}${CALLBACK}/installed`);
    expect(answer.status).toBe(503);
    expect(answer.headers["retry-after"]).toBe("5");
  });

  test.each([
    `/e/${CAPABILITY}/formatted`,
    `/e/${"0".repeat(48)}/installed`,
    `/e/${CAPABILITY}x/installed`,
    "/e/short/installed",
  ])("%s is nobody's, with or without a WAN", async (path) => {
    const relay = await startRelayHttp(await deadOrigin());
    expect(await ask(relay.url + path)).toMatchObject({ status: 404, body: "not found\n" });
    expect(relay.callbacks).toEqual([]);
  });
});
