import { reset, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { siteObject } from "../../worker/env.ts";
import { createSite, done, env, request, type TestRelay } from "./control-plane.ts";

const DAY_MS = 86_400_000;
let relay: TestRelay;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  relay = await createSite("lab");
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

type Event = { seq: number; id: string; machine: string | null };

const list = async (after = 0): Promise<Event[]> =>
  (await done("GET", `/sites/lab/events?after=${after}&limit=1000`)).items;

async function report(...ids: string[]): Promise<void> {
  const at = new Date().toISOString();
  const body = ids.map((id) => ({ id, at, mac: null, stage: "tftp", name: "sent", detail: {} }));
  const reply = await request("POST", "/relay/v1/events", { token: relay.credential, body });
  expect(reply.json).toEqual({ accepted: ids.length, rejected: [] });
}

async function alarm(): Promise<void> {
  const { id } = await done("GET", "/sites/lab");
  await runDurableObjectAlarm(siteObject(env, id));
}

test("events go after 30 days, and no position is ever given twice", async () => {
  await report("a", "b", "c");
  vi.setSystemTime(Date.now() + 20 * DAY_MS);
  await report("d", "a");
  vi.setSystemTime(Date.now() + 11 * DAY_MS);
  await alarm();
  expect((await list()).map(({ id }) => id)).toEqual(["d"]);
  const [last] = await list();

  // Even where all of them are past their end.
  vi.setSystemTime(Date.now() + 40 * DAY_MS);
  await alarm();
  await alarm();
  expect(await list()).toEqual([last]);
  await report("e");
  expect((await list(last!.seq)).map(({ id, seq }) => [id, seq])).toEqual([["e", last!.seq + 1]]);
});

test("what the control plane says of itself has no relay, and an id of its own", async () => {
  await done("PUT", "/sites/lab/machines/node1", { macs: ["52:54:00:00:00:01"] });
  for (let i = 0; i < 3; i++) await relay.script("52:54:00:00:00:01");
  const events = await list();
  expect(new Set(events.map(({ id }) => id)).size).toBe(3);
  expect((await done("GET", "/sites/lab/machines/node1/timeline")).items).toEqual(events);
});
