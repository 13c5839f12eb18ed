import { reset, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { siteObject } from "../../worker/env.ts";
import { api, capabilityOf, createProfiles, createSite, done, env, type TestRelay } from "./control-plane.ts";
import { lastDecision } from "./profiles-in-use.ts";

const MAC = "52:54:00:00:00:01";
const BOOT = { image: "debian-12", kernel: "linux" };
const INSTALL = {
  mode: "install",
  ...BOOT,
  args: "answers={{urls.answers}}",
  answers: { "answer.sh": { template: "answer" } },
};
const RESCUE = {
  mode: "live",
  ...BOOT,
  args: "rescue=1 answers={{urls.answers}}",
  answers: { "key.sh": { template: "key" } },
};
const KEY = "---\nkind: shell\ndescription: of the rescue\n---\nkey={{secret.rescueKey}}\n";

let relay: TestRelay;
let local: string;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  relay = await createSite("lab");
  await createProfiles();
  await done("PUT", "/secrets/rescueKey", { value: "hunter2" });
  await done("PUT", "/templates/key", { text: KEY });
  await done("PUT", "/profiles/rescue", RESCUE);
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC] });
  local = await relay.script(MAC);
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

async function failAnInstall(profile: object): Promise<void> {
  await done("PUT", "/profiles/failing", { ...INSTALL, ...profile });
  await done("POST", "/sites/lab/machines/node1/arm", { profile: "failing" });
  const capability = capabilityOf(await relay.script(MAC));
  await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
  expect(await relay.script(MAC)).toBe(local);
  await relay.ask(MAC, "POST", `/e/${capability}/failed`, "no disk: ${x} || `reboot`");
}
const attempt = async () => (await done("GET", "/sites/lab/machines/node1/attempts")).items[0];

test("local, the default: the disk", async () => {
  await failAnInstall({});
  expect(await attempt()).toMatchObject({ state: "failed", onFailure: "local", held: false });
  expect(await relay.script(MAC)).toBe(local);
  expect((await api("POST", "/sites/lab/machines/node1/disarm")).status).toBe(409);
});

test("hold: it says why and waits until somebody disarms it", async () => {
  await failAnInstall({ onFailure: "hold" });
  expect(await attempt()).toMatchObject({ state: "failed", onFailure: "hold", held: true });
  const script = await relay.script(MAC);
  expect(script).toContain("echo pxedge: the install of node1 failed");
  expect(script).toContain("echo pxedge: reason: no disk: x reboot");
  expect(script).toContain(`attempt ${(await attempt()).id}`);
  expect(script).not.toContain("kernel");
  // A machine that asks every two minutes does not fill the timeline.
  for (let i = 0; i < 5; i++) await relay.script(MAC);
  const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
  expect(items.filter((event: { detail: { kind?: string } }) => event.detail.kind === "hold")).toHaveLength(
    1,
  );

  expect(await done("POST", "/sites/lab/machines/node1/disarm")).toMatchObject({
    state: "failed",
    held: false,
  });
  expect(await relay.script(MAC)).toBe(local);
});

test("rescue: a live system that came with the order, whatever has become of its name since", async () => {
  await failAnInstall({ onFailure: "rescue", rescue: "rescue" });
  await done("PUT", "/profiles/failing", { mode: "local" });
  await done("DELETE", "/profiles/rescue");
  await done("DELETE", "/secrets/rescueKey");
  for (const { name } of (await env.REVISIONS.list()).keys) await env.REVISIONS.delete(name);
  // Housekeeping drops what past orders held, but not this.
  const { id } = await done("GET", "/sites/lab");
  await runDurableObjectAlarm(siteObject(env, id));

  for (let i = 0; i < 2; i++) {
    const script = await relay.script(MAC);
    expect(script).toContain("rescue=1");
    const capability = capabilityOf(script);
    expect((await relay.ask(MAC, "GET", `/a/${capability}/key.sh`)).text).toBe("key='hunter2'\n");
  }
  expect(await lastDecision("lab", "node1")).toMatchObject({ kind: "rescue" });
  expect(await attempt()).toMatchObject({ state: "failed", installs: 1 });
});

test("ordering again is acting, too; and the failure before it holds nothing any more", async () => {
  await failAnInstall({ onFailure: "hold" });
  const first = (await attempt()).id;
  const capability = async () => {
    await done("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" });
    return capabilityOf(await relay.script(MAC));
  };
  await relay.ask(MAC, "GET", `/a/${await capability()}/answer.sh`);
  await done("POST", "/sites/lab/machines/node1/disarm");
  const { items } = await done("GET", "/sites/lab/machines/node1/attempts");
  expect(items.find(({ id }: { id: string }) => id === first)).toMatchObject({
    state: "failed",
    held: false,
  });
  expect(await relay.script(MAC)).toBe(local);
});

test("an install that is retried, or that nobody hears of, holds nothing", async () => {
  await done("PUT", "/profiles/failing", { ...INSTALL, onFailure: "hold" });
  await done("POST", "/sites/lab/machines/node1/arm", { profile: "failing", retries: 1 });
  const first = capabilityOf(await relay.script(MAC));
  await relay.ask(MAC, "GET", `/a/${first}/answer.sh`);
  await relay.ask(MAC, "POST", `/e/${first}/failed`);
  const second = capabilityOf(await relay.script(MAC));
  await relay.ask(MAC, "GET", `/a/${second}/answer.sh`);
  vi.setSystemTime(Date.now() + 5 * 3_600_000);
  expect(await relay.script(MAC)).toBe(local);
  expect(await attempt()).toMatchObject({ state: "stalled", held: false });
});

test("a boot loop is a failure", async () => {
  await done("PUT", "/profiles/failing", { ...INSTALL, onFailure: "hold" });
  await done("POST", "/sites/lab/machines/node1/arm", { profile: "failing" });
  for (let i = 0; i < 20; i++) capabilityOf(await relay.script(MAC));
  expect(await relay.script(MAC)).toContain("reason: boot-loop");
  expect(await attempt()).toMatchObject({ state: "failed", reason: "boot-loop", held: true });
});

test("a rescue that there is not, or that is no live profile, is refused by name", async () => {
  const refusals = [
    [{ onFailure: "rescue" }, "rescue"],
    [{ rescue: "rescue" }, "rescue"],
    [{ onFailure: "rescue", rescue: "nothing" }, "rescue"],
    [{ onFailure: "rescue", rescue: "debian-12" }, "rescue"],
    [{ onFailure: "reboot" }, "onFailure"],
  ] as const;
  for (const [change, field] of refusals) {
    const reply = await api("PUT", "/profiles/failing", { ...INSTALL, ...change });
    expect(reply.status, reply.text).toBe(422);
    expect(reply.json.errors[0].field).toBe(field);
  }
  await done("PUT", "/profiles/failing", { ...INSTALL, onFailure: "rescue", rescue: "rescue" });
  expect((await api("DELETE", "/profiles/rescue")).json.detail).toContain('profile "failing"');
  await done("PUT", "/profiles/rescue", { mode: "local" });
  const reply = await api("POST", "/sites/lab/machines/node1/arm", { profile: "failing" });
  expect(reply.json.errors[0].field).toBe("rescue");
});
