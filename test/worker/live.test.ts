import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
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
import { lastDecision, settleProfiles } from "./profiles-in-use.ts";

const MAC = "52:54:00:00:00:01";
const OTHER = "52:54:00:00:00:03";
const LIVE = { mode: "live", image: "debian-12", kernel: "linux", initrds: ["initrd.gz"] };
const TEMPLATE = "---\nkind: shell\ndescription: of a live system\n---\nhost={{machine.name}}\n";

let relay: TestRelay;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  relay = await createSite("lab");
  await createProfiles();
  await done("PUT", "/templates/motd", { text: TEMPLATE });
  await done("PUT", "/profiles/live", {
    ...LIVE,
    args: "boot=live answers={{urls.answers}} rack={{rack}}",
    answers: { "motd.sh": { template: "motd" } },
    variables: { rack: "none" },
  });
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC], profile: "live", variables: { rack: "r7" } });
  await settleProfiles("lab");
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

const answer = async (capability: string, mac: string | null = MAC) =>
  await relay.ask(mac, "GET", `/a/${capability}/motd.sh`);

describe("a machine whose profile is live", () => {
  test("has a relay fetch ahead what it booted, for the next time", async () => {
    const prefetch = async () =>
      (await request("GET", "/relay/v1/state", { token: relay.credential })).json.prefetch as {
        path: string;
      }[];
    expect(await prefetch()).toEqual([]);
    await relay.script(MAC);
    expect((await prefetch()).map(({ path }) => path)).toEqual(["linux", "initrd.gz"]);
  });

  test("boots it each time, with a capability of its own each time, and never commits", async () => {
    const first = await relay.script(MAC);
    expect(first).toContain("boot=live");
    expect(first).toContain(" rack=r7");
    expect(first).not.toContain("imgfetch");
    const kernel = /kernel --name kernel (\S+)/.exec(first)![1]!;
    expect((await relay.ask(MAC, "GET", kernel)).text).toBe("\u0001".repeat(3000));

    const capability = capabilityOf(first);
    for (let i = 0; i < 25; i++) expect((await answer(capability)).text).toBe("host='node1'\n");
    const second = capabilityOf(await relay.script(MAC));
    expect(second).not.toBe(capability);
    expect((await answer(capability)).status).toBe(404);
    expect((await answer(second)).status).toBe(200);
    expect((await done("GET", "/sites/lab/machines/node1/attempts")).items).toEqual([]);
  });

  test("its answers last a day, without a window for each file", async () => {
    const capability = capabilityOf(await relay.script(MAC));
    await answer(capability);
    vi.setSystemTime(Date.now() + 23 * 3_600_000);
    expect((await answer(capability)).status).toBe(200);
    vi.setSystemTime(Date.now() + 2 * 3_600_000);
    expect((await answer(capability)).status).toBe(404);
  });

  test("its answers are for itself, of its own files, and there is nothing to commit", async () => {
    await done("PUT", "/sites/lab/machines/node2", { macs: [OTHER] });
    const capability = capabilityOf(await relay.script(MAC));
    for (const mac of [OTHER, null]) expect((await answer(capability, mac)).status).toBe(404);
    for (const file of ["commit", "other.sh", "motd.sh/x"]) {
      expect((await relay.ask(MAC, "GET", `/a/${capability}/${file}`)).status, file).toBe(404);
    }
    expect((await relay.ask(MAC, "HEAD", `/a/${capability}/motd.sh`)).status).toBe(200);
  });

  test("what it calls back stands in the timeline, and moves nothing", async () => {
    const capability = capabilityOf(await relay.script(MAC));
    expect((await relay.ask(MAC, "POST", `/e/${capability}/installed`, "up and well")).status).toBe(200);
    await done("PUT", "/sites/lab/machines/node2", { macs: [OTHER] });
    expect((await relay.ask(OTHER, "POST", `/e/${capability}/failed`)).status).toBe(404);
    const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
    expect(items.at(-1)).toMatchObject({
      stage: "callback",
      name: "installed",
      detail: { profile: "live", message: "up and well" },
    });
  });

  test("an order goes before it, and after the install it is live again", async () => {
    await done("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" });
    const script = await relay.script(MAC);
    expect(script).toContain("answer.sh");
    const capability = capabilityOf(script);
    await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
    expect(await relay.script(MAC)).not.toContain("kernel");
    await relay.ask(MAC, "POST", `/e/${capability}/installed`);
    expect(await relay.script(MAC)).toContain("boot=live");
  });

  test("unobserved and unknown machines get what an unarmed one without a profile gets", async () => {
    await done("PUT", "/sites/lab/machines/node2", { macs: [OTHER] });
    const local = await relay.script(OTHER);
    const path = `/boot/${MAC}/script.ipxe`;
    expect((await relay.ask(null, "GET", path)).text).toBe(local);
    expect((await relay.ask(OTHER, "GET", path)).text).toBe(local);
    expect(await relay.script("52:54:00:00:00:99")).toBe(local);
  });

  test("a machine without a profile of its own takes the site's; relays hear that neither has a disk", async () => {
    await done("PUT", "/sites/lab/machines/node2", { macs: [OTHER] });
    await done("PUT", "/sites/lab", { defaultProfile: "live" });
    await settleProfiles("lab");
    expect(await relay.script(OTHER)).toContain(" rack=none");
    const state = async (after = "") =>
      (await request("GET", `/relay/v1/state${after}`, { token: relay.credential })).json;
    const diskless = ({ machines }: { machines: { name: string; diskless?: true }[] }) =>
      Object.fromEntries(machines.map((machine) => [machine.name, machine.diskless ?? false]));
    const before = await state();
    expect(diskless(before)).toEqual({ node1: true, node2: true });

    await done("PUT", "/profiles/live", { mode: "local" });
    await settleProfiles("lab");
    expect(diskless(await state(`?after=${before.revision}`))).toEqual({ node1: false, node2: false });
  });

  test("it may be given again by a relay only where it hands out nothing", async () => {
    const repeatable = async () =>
      (await relay.ask(MAC, "GET", `/boot/${MAC}/script.ipxe`)).headers.get(RELAY_HEADER.REPEATABLE);
    expect(await repeatable()).toBeNull();
    await done("PUT", "/profiles/live", { ...LIVE, args: "boot=live" });
    await settleProfiles("lab");
    expect(await repeatable()).toBe("signed-anew");
    await done("PUT", "/profiles/live", { ...LIVE, args: "events={{urls.events}}" });
    await settleProfiles("lab");
    expect(await repeatable()).toBeNull();
  });
});

describe("what cannot be served is the local disk, and a word in the timeline", () => {
  let local: string;

  beforeEach(async () => {
    local = await relay.script("52:54:00:00:00:99");
  });

  test.each([
    ["profile", "profile live@"],
    ["template", "template motd@"],
    ["image", "image debian-12@"],
  ])("KV without the %s; an armed machine is not touched by that", async (kind, problem) => {
    await done("PUT", "/sites/lab/machines/node2", { macs: [OTHER] });
    await done("POST", "/sites/lab/machines/node2/arm", { profile: "debian-12" });
    for (const { name } of (await env.REVISIONS.list()).keys) {
      if (name.startsWith(`${kind}/`)) await env.REVISIONS.delete(name);
    }
    expect(await relay.script(MAC)).toBe(local);
    const decision = await lastDecision("lab", "node1");
    expect(decision).toMatchObject({ kind: "local", reason: "profile-missing" });
    expect(decision["problem"]).toContain(problem);
    capabilityOf(await relay.script(OTHER));
  });

  test("a name that stands for nothing", async () => {
    await done("PUT", "/sites/lab/machines/node1", { macs: [MAC], profile: "never-was" });
    await settleProfiles("lab");
    expect(await relay.script(MAC)).toBe(local);
    expect(await lastDecision("lab", "node1")).toMatchObject({ reason: "profile-missing" });
  });

  test("a variable that this machine does not have", async () => {
    await done("PUT", "/profiles/live", { ...LIVE, args: "rack={{rack}} serial={{machine.serial}}" });
    await settleProfiles("lab");
    expect(await relay.script(MAC)).toBe(local);
    const decision = await lastDecision("lab", "node1");
    expect(decision).toMatchObject({ kind: "local", reason: "profile-missing" });
    expect(decision["problem"]).toContain("machine.serial");
  });
});

describe("a machine whose profile is chain", () => {
  test("is handed over, with its own names in the URL", async () => {
    const url = "https://boot.example.org/{{site.name}}/{{machine.macHexhyp}}.ipxe?rack={{rack}}";
    await done("PUT", "/profiles/chain", { mode: "chain", url, variables: { rack: "none" } });
    await done("PATCH", "/sites/lab/machines/node1", { profile: "chain" });
    await settleProfiles("lab");
    expect(await relay.script(MAC)).toContain(
      "chain --autofree https://boot.example.org/lab/52-54-00-00-00-01.ipxe?rack=r7 ||",
    );
    expect(await lastDecision("lab", "node1")).toMatchObject({ kind: "chain" });

    // A value that iPXE would read as something else.
    const local = await relay.script("52:54:00:00:00:99");
    for (const rack of ["a b", "${uuid}", "x\\"]) {
      await done("PATCH", "/sites/lab/machines/node1", { variables: { rack } });
      expect(await relay.script(MAC), rack).toBe(local);
      expect(await lastDecision("lab", "node1")).toMatchObject({ reason: "profile-missing" });
    }
  });

  test.each([
    ["ftp://boot.example.org/x", "url"],
    ["boot.example.org/x", "url"],
    ["https://boot.example.org/a b", "url"],
    ["https://boot.example.org/{{#x}}", "url"],
  ])("refuses %s", async (url, field) => {
    const reply = await api("PUT", "/profiles/chain", { mode: "chain", url });
    expect(reply.status).toBe(422);
    expect(reply.json.errors[0].field).toBe(field);
  });
});

test("preview shows what a live, a chain and a menu profile would serve", async () => {
  const preview = async (profile: string) =>
    await done("GET", `/sites/lab/machines/node1/preview?profile=${profile}`);
  const live = await preview("live");
  expect(live.script).toContain("rack=r7");
  expect(live.answers["motd.sh"].text).toBe("host='node1'\n");
  await done("PUT", "/profiles/chain", { mode: "chain", url: "https://boot.example.org/{{machine.name}}" });
  expect((await preview("chain")).script).toContain("https://boot.example.org/node1");
  await done("PUT", "/profiles/menu", {
    mode: "menu",
    title: "Lab",
    items: [
      { key: "live", label: "Live", profile: "live" },
      { key: "install", label: "Install", profile: "debian-12" },
    ],
    default: "live",
  });
  const { script } = await preview("menu");
  expect(script).toContain("item live Live");
  expect(script).not.toContain("item install");
});
