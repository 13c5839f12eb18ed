import { reset, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hashSecret } from "../../core/sign/hash-secret.ts";
import { siteObject } from "../../worker/env.ts";
import {
  api,
  capabilityOf,
  createProfiles,
  createSite,
  done,
  env,
  request,
  type TestRelay,
} from "./control-plane.ts";

const MAC = "52:54:00:00:00:01";
const SIBLING = "52:54:00:00:00:02";
const STRANGER = "52:54:00:00:00:99";

let relay: TestRelay;

beforeEach(async () => {
  relay = await createSite("lab");
  await createProfiles();
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC, SIBLING] });
});
afterEach(reset);

async function arm(body: object = { profile: "debian-12" }) {
  return await done("POST", "/sites/lab/machines/node1/arm", body);
}

async function attempt() {
  return (await done("GET", "/sites/lab/machines/node1/attempts")).items[0];
}

async function events(): Promise<string[]> {
  const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
  return items.map((event: { stage: string; name: string }) => `${event.stage} ${event.name}`);
}

test("an install from arm to local boot", async () => {
  const local = await relay.script(MAC);
  await arm();

  const script = await relay.script(MAC);
  expect(script).toMatch(/^#!ipxe\n/);
  expect(script).toContain("BOOTIF=01-${netX/mac:hexhyp}");
  const capability = capabilityOf(script);
  expect(script).toContain(`answer=http://192.168.77.1:8080/a/${capability}/answer.sh`);
  expect((await attempt()).state).toBe("booting");

  const kernel = /kernel --name kernel (\S+)/.exec(script)![1]!;
  expect((await relay.ask(MAC, "GET", kernel)).text).toBe("\u0001".repeat(3000));

  const answer = await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
  expect(answer.text).toBe(
    `host='node1'\nsecret=canary-8c1f\ndone='http://192.168.77.1:8080/e/${capability}/'installed\n`,
  );
  expect(answer.headers.get("cache-control")).toContain("no-store");
  expect(await attempt()).toMatchObject({ state: "committed", installs: 1 });

  expect(await relay.script(MAC)).toBe(local);
  expect((await relay.ask(MAC, "POST", `/e/${capability}/started`)).status).toBe(200);
  expect((await attempt()).state).toBe("installing");
  expect((await relay.ask(MAC, "POST", `/e/${capability}/installed`, "all well")).status).toBe(200);
  expect(await attempt()).toMatchObject({ state: "installed", installs: 1 });
  expect(await relay.script(MAC)).toBe(local);
  expect(await events()).toEqual([
    "decision served",
    "decision armed",
    "decision served",
    "answer committed",
    "answer served",
    "decision served",
    "callback rebooted",
    "callback started",
    "callback installed",
    "decision served",
  ]);
});

describe("who gets an install script", () => {
  test("unknown, mismatched, unobserved and unarmed machines get the same bytes", async () => {
    const unarmed = await relay.script(MAC);
    await arm();
    const path = `/boot/${MAC.replaceAll(":", "-")}/script.ipxe`;
    const replies = [
      (await relay.ask(STRANGER, "GET", path)).text,
      (await relay.ask(null, "GET", path)).text,
      await relay.script(STRANGER),
      (await relay.ask(MAC, "GET", "/boot/not-a-mac/script.ipxe")).text,
      (await relay.ask(MAC, "GET", `/boot/${STRANGER}/script.ipxe`)).text,
    ];
    for (const reply of replies) expect(reply).toBe(unarmed);
    expect(await attempt()).toMatchObject({ state: "armed", serves: 0 });
  });

  test("a relay is told what it may give again: the local disk, and never an install", async () => {
    const path = `/boot/${MAC}/script.ipxe`;
    const repeatable = async () => (await relay.ask(MAC, "GET", path)).headers.get("pxedge-repeatable");
    expect(await repeatable()).toBe("as-is");
    await arm();
    expect(await repeatable()).toBeNull();
  });

  test("a sibling MAC of the same machine gets it, in any notation", async () => {
    await arm();
    for (const mac of ["52-54-00-00-00-02", "52:54:00:00:00:02", "525400000002"]) {
      const { text } = await relay.ask(MAC, "GET", `/boot/${mac}/script.ipxe`);
      capabilityOf(text);
    }
    expect(await attempt()).toMatchObject({ serves: 3 });
  });

  test("another site's relay gets nothing of it, whatever it asks", async () => {
    const other = await createSite("elsewhere");
    const local = await other.script(MAC);
    await arm();
    expect(await other.script(MAC)).toBe(local);
    const script = await relay.script(MAC);
    const capability = capabilityOf(script);
    const kernel = /kernel --name kernel (\S+)/.exec(script)![1]!;
    for (const [method, path] of [
      ["GET", `/a/${capability}/answer.sh`],
      ["POST", `/a/${capability}/commit`],
      ["POST", `/e/${capability}/installed`],
      ["GET", kernel],
    ] as const) {
      expect(await other.ask(MAC, method, path), path).toMatchObject({ status: 404, text: "not found\n" });
    }
    expect(await attempt()).toMatchObject({ state: "booting", installs: 0 });
  });

  test("without a relay's credential, or with a revoked one, there is nothing at all", async () => {
    await arm();
    const capability = capabilityOf(await relay.script(MAC));
    const [{ id }] = (await done("GET", "/sites/lab/relays")).items;
    expect((await api("DELETE", `/sites/lab/relays/${id}`)).status).toBe(204);
    for (const path of [`/boot/${MAC}/script.ipxe`, `/a/${capability}/answer.sh`, "/relay/v1/state"]) {
      const reply = await relay.ask(MAC, "GET", path);
      expect(reply.status, path).toBe(401);
      expect(reply.text).not.toContain("canary");
    }
  });
});

describe("answers", () => {
  test("HEAD does not commit, and says what GET will send", async () => {
    await arm();
    const capability = capabilityOf(await relay.script(MAC));
    const head = await relay.ask(MAC, "HEAD", `/a/${capability}/answer.sh`);
    expect(head).toMatchObject({ status: 200, text: "" });
    expect((await attempt()).state).toBe("booting");
    const get = await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
    expect(head.headers.get("content-length")).toBe(String(get.text.length));
  });

  test("all that is wrong gets one and the same 404, and an event", async () => {
    await arm();
    const stale = capabilityOf(await relay.script(MAC));
    const capability = capabilityOf(await relay.script(MAC));
    const unknown = (capability.startsWith("0") ? "1" : "0") + capability.slice(1);
    const wrong = [
      await relay.ask(MAC, "GET", `/a/${stale}/answer.sh`),
      await relay.ask(MAC, "GET", `/a/${unknown}/answer.sh`),
      await relay.ask(MAC, "GET", `/a/${capability}/other.sh`),
      await relay.ask(MAC, "GET", `/a/${capability}/__proto__`),
      await relay.ask(MAC, "GET", `/a/nonsense/answer.sh`),
      await relay.ask(STRANGER, "GET", `/a/${capability}/answer.sh`),
      await relay.ask(null, "GET", `/a/${capability}/answer.sh`),
      await relay.ask(MAC, "POST", `/e/${unknown}/installed`),
      await relay.ask(MAC, "POST", `/e/${capability}/exploded`),
    ];
    for (const reply of wrong) {
      expect(reply).toMatchObject({ status: 404, text: "not found\n" });
      expect([...reply.headers.keys()].filter((name) => name !== "pxedge-state")).toEqual([
        "cache-control",
        "content-type",
      ]);
    }
    expect((await attempt()).state).toBe("booting");
    expect((await events()).filter((name) => name === "answer refused").length).toBeGreaterThanOrEqual(3);
  });

  test("a profile without answers commits by its script's last fetch", async () => {
    await arm({ profile: "no-answers" });
    const script = await relay.script(MAC);
    const commit = /imgfetch --name commit (\S+)/.exec(script)![1]!;
    expect(script.indexOf(commit)).toBeLessThan(script.indexOf("\nboot "));
    expect((await relay.ask(MAC, "GET", commit)).status).toBe(200);
    expect(await attempt()).toMatchObject({ state: "committed" });
    expect(await relay.script(MAC)).not.toContain("kernel");
  });

  test("concurrent fetches commit once", async () => {
    await arm();
    const capability = capabilityOf(await relay.script(MAC));
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => relay.ask(MAC, "GET", `/a/${capability}/answer.sh`)),
    );
    expect(new Set(replies.map((reply) => reply.text)).size).toBe(1);
    expect(await attempt()).toMatchObject({ installs: 1 });
    expect((await events()).filter((name) => name === "answer committed")).toHaveLength(1);
  });
});

describe("arming", () => {
  test("is refused while an attempt is active, unless that one is named", async () => {
    const first = await arm();
    const again = await api("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" });
    expect(again).toMatchObject({ status: 409, json: { type: "urn:pxedge:problem:attempt-active" } });
    const second = await arm({ profile: "debian-12", supersede: first.id });
    const { items } = await done("GET", "/sites/lab/machines/node1/attempts");
    expect(items.map((item: { id: string; state: string }) => [item.id, item.state])).toEqual([
      [second.id, "armed"],
      [first.id, "disarmed"],
    ]);
  });

  test("with the same Idempotency-Key is the same order, whatever has become of it", async () => {
    const order = () =>
      api("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" }, { "idempotency-key": "k1" });
    const first = await order();
    const capability = capabilityOf(await relay.script(MAC));
    await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
    await relay.ask(MAC, "POST", `/e/${capability}/installed`);
    const second = await order();
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.json).toMatchObject({ id: first.json.id, state: "installed" });
    expect(await relay.script(MAC)).not.toContain("kernel");
  });

  test("takes what a profile is at that moment; later changes touch only later orders", async () => {
    await arm();
    await done("PUT", "/templates/answer", { text: "---\nkind: shell\ndescription: new\n---\nchanged\n" });
    await api("DELETE", "/profiles/debian-12");
    const { keys } = await env.REVISIONS.list();
    for (const { name } of keys.filter((key) => !key.name.startsWith("image/")))
      await env.REVISIONS.delete(name);
    const capability = capabilityOf(await relay.script(MAC));
    expect((await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`)).text).toContain("canary-8c1f");
  });

  test("and a site that lost a variable since keeps the machine waiting, and says what is missing", async () => {
    const text = "---\nkind: shell\ndescription: x\n---\necho {{machine.name}} {{greeting}}\n";
    await done("PUT", "/templates/answer", { text });
    await done("PUT", "/sites/lab", { variables: { greeting: "hello" } });
    await arm();
    await done("PUT", "/sites/lab", {});
    const answer = `/a/${capabilityOf(await relay.script(MAC))}/answer.sh`;
    expect((await relay.ask(MAC, "GET", answer)).status).toBe(503);
    const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
    expect(items.at(-1)).toMatchObject({
      name: "refused",
      detail: {
        reason: "does-not-render",
        message: "answer:5:23: variable greeting resolves to nothing",
      },
    });
    expect((await done("GET", "/sites/lab/machines/node1/attempts")).items[0].state).toBe("booting");
    await done("PUT", "/sites/lab", { variables: { greeting: "hello" } });
    expect((await relay.ask(MAC, "GET", answer)).text).toBe("echo 'node1' 'hello'\n");
  });

  test("is refused where the answer could not be rendered, with every place", async () => {
    await done("PUT", "/templates/answer", {
      text: "---\nkind: shell\ndescription: x\n---\n{{diskSerial}}\n{{machine.rack}}\n",
    });
    const reply = await api("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" });
    expect(reply.status).toBe(422);
    expect(reply.json.errors.map((error: { field: string }) => error.field)).toEqual([
      "answers.answer.sh.answer:5:1",
      "answers.answer.sh.answer:6:1",
    ]);
    expect(reply.json.detail).toContain("node1");
  });

  test("disarm before the commit ends it; after it, answers stop and callbacks count", async () => {
    const local = await relay.script(MAC);
    await arm();
    const first = capabilityOf(await relay.script(MAC));
    expect((await done("POST", "/sites/lab/machines/node1/disarm")).state).toBe("disarmed");
    expect((await relay.ask(MAC, "GET", `/a/${first}/answer.sh`)).status).toBe(404);
    expect(await relay.script(MAC)).toBe(local);

    await arm();
    const second = capabilityOf(await relay.script(MAC));
    await relay.ask(MAC, "GET", `/a/${second}/answer.sh`);
    await done("POST", "/sites/lab/machines/node1/disarm");
    expect((await relay.ask(MAC, "GET", `/a/${second}/answer.sh`)).status).toBe(404);
    expect((await relay.ask(MAC, "POST", `/e/${second}/installed`)).status).toBe(200);
    expect((await attempt()).state).toBe("installed");
  });

  test("a reported failure is retried as often as ordered", async () => {
    await arm({ profile: "debian-12", retries: 1 });
    for (const state of ["armed", "failed"]) {
      const capability = capabilityOf(await relay.script(MAC));
      await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
      await relay.ask(MAC, "POST", `/e/${capability}/failed`, "no disk");
      expect(await attempt()).toMatchObject({ state, reason: "no disk" });
    }
    expect(await attempt()).toMatchObject({ installs: 2 });
    expect(await relay.script(MAC)).not.toContain("kernel");
  });

  test("an alarm, early, late or twice, ends nothing before its time", async () => {
    await arm({ profile: "debian-12", ttlSeconds: 60 });
    const { id } = await done("GET", "/sites/lab");
    const site = siteObject(env, id);
    await runDurableObjectAlarm(site);
    await runDurableObjectAlarm(site);
    expect((await attempt()).state).toBe("armed");
    capabilityOf(await relay.script(MAC));
  });
});

describe("callbacks that a relay could not pass on at once", () => {
  /** Armed with a retry, committed; and the hash of what the installer holds. */
  async function commit() {
    await arm({ profile: "debian-12", retries: 1 });
    const capability = capabilityOf(await relay.script(MAC));
    await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
    return { capability, capabilityHash: await hashSecret(capability.slice(16)) };
  }

  async function report(...callbacks: object[]) {
    const body = callbacks.map((callback, index) => ({
      id: `c${index}`,
      at: new Date().toISOString(),
      mac: MAC,
      stage: "callback",
      detail: {},
      ...callback,
    }));
    return (await request("POST", "/relay/v1/events", { token: relay.credential, body })).json;
  }

  test("are acted on when they come, with the time at which they were said", async () => {
    const { capabilityHash } = await commit();
    const at = new Date(Date.now() + 5).toISOString();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const taken = await report(
      { name: "started", capabilityHash, at },
      { name: "installed", capabilityHash, at, detail: { message: "all well" } },
    );
    expect(taken).toEqual({ accepted: 2, rejected: [] });
    expect(await attempt()).toMatchObject({ state: "installed", endedAt: at });
    const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
    expect(items.slice(-2)).toMatchObject([
      { id: "c0", name: "started", at },
      { id: "c1", name: "installed", at, detail: { state: "installed", message: "all well" } },
    ]);
  });

  test("count once, whether they come twice in the journal, or by both ways", async () => {
    const { capability, capabilityHash } = await commit();
    const headers = { "pxedge-event-id": "c0" };
    const path = `/e/${capability}/failed`;
    expect((await relay.ask(MAC, "POST", path, "disk full", headers)).status).toBe(200);
    expect(await attempt()).toMatchObject({ state: "armed", installs: 1 });
    for (let times = 0; times < 3; times++) await report({ name: "failed", capabilityHash });
    expect((await relay.ask(MAC, "POST", path, "disk full", headers)).status).toBe(200);
    expect(await attempt()).toMatchObject({ state: "armed", installs: 1 });
    expect((await events()).filter((name) => name === "callback failed")).toHaveLength(1);
  });

  test("are refused without a capability of the site, and no wrong clock makes time run backwards", async () => {
    const { capabilityHash } = await commit();
    await report({ name: "installed", capabilityHash: "ab".repeat(32) });
    expect((await attempt()).state).toBe("committed");
    const elsewhere = await createSite("elsewhere");
    await request("POST", "/relay/v1/events", {
      token: elsewhere.credential,
      body: [
        {
          id: "x",
          at: "2026-11-21T07:00:00.000Z",
          mac: MAC,
          stage: "callback",
          name: "installed",
          capabilityHash,
          detail: {},
        },
      ],
    });
    expect((await attempt()).state).toBe("committed");
    await report({ id: "late", name: "installed", capabilityHash, at: "1970-01-01T00:00:00.000Z" });
    const ended = await attempt();
    expect(ended.state).toBe("installed");
    expect(ended.endedAt).toBe(ended.committedAt);
  });

  test("are nothing but what installers report", async () => {
    const { capabilityHash } = await commit();
    const { rejected } = await report(
      { name: "rebooted", capabilityHash },
      { stage: "tftp", name: "sent", capabilityHash },
      { name: "installed", capabilityHash: "no hash" },
    );
    expect(rejected.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2]);
    expect((await attempt()).state).toBe("committed");
  });

  test("an id that is none is not taken", async () => {
    const { capability } = await commit();
    await relay.ask(MAC, "POST", `/e/${capability}/started`, "", { "pxedge-event-id": "not an id!" });
    const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
    expect(items.at(-1)).toMatchObject({ name: "started", id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });
});
