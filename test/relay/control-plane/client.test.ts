import { describe, expect, test } from "vitest";

import type { BootEvent } from "../../../core/relay-protocol/events.ts";
import { createControlPlaneClient, type Outcome } from "../../../relay/control-plane/client.ts";
import { deliverEvents } from "../../../relay/control-plane/deliver-events.ts";
import { startFakeControlPlane } from "./fixture.ts";
import { state } from "./site-state.ts";

const EVENT: BootEvent = {
  id: "e1",
  at: "2026-11-21T07:00:00.000Z",
  mac: null,
  stage: "tftp",
  name: "sent",
  detail: { file: "snponly.efi" },
};

describe("fetchState", () => {
  test("asks for what changed, with the credential, and tells the revision", async () => {
    const revisions: string[] = [];
    const answer = state({ revision: 7 });
    const plane = await startFakeControlPlane(() => ({ headers: { "pxedge-state": "7" }, body: answer }));
    const client = createControlPlaneClient({
      url: plane.url,
      credential: "pxr_x",
      onRevision: (revision) => revisions.push(revision),
    });
    expect(await client.fetchState()).toEqual({ kind: "ok", value: answer });
    expect(await client.fetchState(7)).toMatchObject({ kind: "ok" });
    expect(plane.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET /relay/v1/state",
      "GET /relay/v1/state?after=7",
    ]);
    expect(plane.requests[0]!.headers.authorization).toBe("Bearer pxr_x");
    expect(revisions).toEqual(["7", "7"]);
  });

  test("members of a newer control plane are let pass and dropped", async () => {
    const plane = await startFakeControlPlane(() => ({ body: { ...state({}), commands: ["reboot"] } }));
    const outcome = await createControlPlaneClient({ url: plane.url, credential: "x" }).fetchState();
    expect(outcome).toEqual({ kind: "ok", value: state({}) });
  });

  test.each<[unknown, Outcome<unknown>["kind"]]>([
    [{ status: 401 }, "unauthorized"],
    [{ status: 500 }, "unreachable"],
    [{ status: 503 }, "unreachable"],
    [{ status: 429 }, "unreachable"],
    [{ status: 403 }, "bad-answer"],
    [{ status: 302, headers: { location: "http://127.0.0.1:1/" } }, "bad-answer"],
    [{ status: 200, body: "<html>a captive portal" }, "bad-answer"],
    [{ status: 200, body: { ...state({}), revision: -1 } }, "bad-answer"],
    [
      { status: 200, body: { ...state({}), machines: [{ id: "m", name: "n", macs: ["nonsense"] }] } },
      "bad-answer",
    ],
  ])("%j is %s", async (answer, kind) => {
    const plane = await startFakeControlPlane(() => answer as object);
    const client = createControlPlaneClient({ url: plane.url, credential: "x" });
    expect((await client.fetchState()).kind).toBe(kind);
  });

  test("nobody there, or one that hangs, is unreachable with the reason", async () => {
    const plane = await startFakeControlPlane(() => ({}));
    plane.stop();
    const gone = createControlPlaneClient({ url: plane.url, credential: "x" });
    expect(await gone.fetchState()).toMatchObject({
      kind: "unreachable",
      reason: expect.stringContaining("ECONNREFUSED"),
    });
    const hanging = createControlPlaneClient({
      url: "http://127.0.0.1:1",
      credential: "x",
      timeoutMs: 20,
      fetch: (_input, init) =>
        new Promise((_resolve, reject) => {
          init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason as Error));
        }),
    });
    expect(await hanging.fetchState()).toEqual({ kind: "unreachable", reason: "no answer in time" });
  });
});

describe("delivering events", () => {
  test("what is rejected is told by its place", async () => {
    const answer = { accepted: 0, rejected: [{ index: 0, message: "no such event" }] };
    const plane = await startFakeControlPlane(() => ({ body: answer }));
    const client = createControlPlaneClient({ url: plane.url, credential: "x" });
    expect(await deliverEvents(client, [EVENT], new AbortController().signal)).toEqual({
      kind: "delivered",
      rejected: answer.rejected,
    });
    expect(JSON.parse(plane.requests[0]!.body)).toEqual([EVENT]);
  });

  test.each([
    [401, "later"],
    [404, "later"],
    [503, "later"],
    [400, "refused"],
    [413, "refused"],
    [422, "refused"],
  ])("status %i means %s", async (status, kind) => {
    const plane = await startFakeControlPlane(() => ({ status }));
    const client = createControlPlaneClient({ url: plane.url, credential: "x" });
    expect((await deliverEvents(client, [EVENT], new AbortController().signal)).kind).toBe(kind);
  });
});
