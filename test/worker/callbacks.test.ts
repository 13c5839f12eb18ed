import { reset, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { siteObject } from "../../worker/env.ts";
import { api, capabilityOf, createProfiles, createSite, done, env, type TestRelay } from "./control-plane.ts";

const MAC = "52:54:00:00:00:01";
const OTHER = "52:54:00:00:00:03";
const UNREGISTERED = "52:54:00:00:00:99";

let relay: TestRelay;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  relay = await createSite("lab");
  await createProfiles();
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC] });
  await done("PUT", "/sites/lab/machines/node2", { macs: [OTHER] });
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

type Event = { stage: string; name: string; mac: string | null; detail: Record<string, unknown> };

async function events(name: string): Promise<Event[]> {
  const { items } = await done("GET", "/sites/lab/events?limit=1000");
  return items.filter((event: Event) => event.name === name);
}

async function attempt() {
  return (await done("GET", "/sites/lab/machines/node1/attempts")).items[0];
}

describe("who sends a callback", () => {
  let capability: string;

  beforeEach(async () => {
    await done("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" });
    capability = capabilityOf(await relay.script(MAC));
    await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
  });

  test("another machine of the site: refused, an event, and nothing changes", async () => {
    const reply = await relay.ask(OTHER, "POST", `/e/${capability}/installed`);
    expect(reply).toMatchObject({ status: 404, text: "not found\n" });
    expect(await attempt()).toMatchObject({ state: "committed" });
    const [refused, ...more] = await events("refused");
    expect(refused).toMatchObject({
      stage: "callback",
      mac: OTHER,
      detail: { event: "installed", reason: "another-machine" },
    });
    expect(more).toEqual([]);
  });

  test.each([
    ["the machine itself", MAC],
    ["a NIC that nobody registered", UNREGISTERED],
    ["nobody knows who", null],
  ])("%s: taken", async (_, mac) => {
    expect((await relay.ask(mac, "POST", `/e/${capability}/installed`)).status).toBe(200);
    expect(await attempt()).toMatchObject({ state: "installed" });
  });
});

describe("an end that time brings is said once, whoever looks first", () => {
  const ask = {
    "a script": async () => await relay.script(MAC),
    "a disarm": async () => await done("POST", "/sites/lab/machines/node1/disarm"),
    "the alarm": async () => {
      const { id } = await done("GET", "/sites/lab");
      await runDurableObjectAlarm(siteObject(env, id));
    },
  };

  test.each(Object.entries(ask))("an order that expired, seen by %s", async (_, first) => {
    await done("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12", ttlSeconds: 600 });
    vi.setSystemTime(Date.now() + 601_000);
    await first();
    expect(await attempt()).toMatchObject({ state: "expired" });
    for (const again of [ask["a script"], ask["the alarm"], ask["a script"]]) await again();
    expect(await events("expired")).toHaveLength(1);
  });

  test("an order that expired keeps nobody from deleting its machine", async () => {
    const node1 = "/sites/lab/machines/node1";
    await done("POST", `${node1}/arm`, { profile: "debian-12", ttlSeconds: 600 });
    expect(await api("DELETE", node1)).toMatchObject({
      status: 409,
      json: { type: "urn:pxedge:problem:attempt-active" },
    });
    vi.setSystemTime(Date.now() + 601_000);
    expect((await api("DELETE", node1)).status).toBe(204);
    expect(await events("expired")).toHaveLength(1);
  });

  test("an install without an end, seen by its own late callback", async () => {
    await done("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" });
    const capability = capabilityOf(await relay.script(MAC));
    await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
    vi.setSystemTime(Date.now() + 5 * 3_600_000);
    await relay.ask(MAC, "POST", `/e/${capability}/progress`);
    expect(await attempt()).toMatchObject({ state: "stalled" });
    await ask["the alarm"]();
    expect(await events("stalled")).toHaveLength(1);
    await relay.ask(MAC, "POST", `/e/${capability}/installed`);
    expect(await attempt()).toMatchObject({ state: "installed" });
  });
});
