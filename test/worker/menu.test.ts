import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, capabilityOf, createProfiles, createSite, done, env, type TestRelay } from "./control-plane.ts";
import { lastDecision, settleProfiles } from "./profiles-in-use.ts";

const MAC = "52:54:00:00:00:01";
const OTHER = "52:54:00:00:00:03";
const MENU = {
  mode: "menu",
  title: "Lab",
  items: [
    { key: "disk", label: "The local disk", action: "local" },
    { key: "live", label: "Live", group: "Live", profile: "live" },
    { key: "xyz", label: "netboot.xyz", group: "Live", profile: "xyz" },
    { key: "debian", label: "Install Debian 12", group: "Install", profile: "debian-12" },
    { key: "shell", label: "Shell", action: "shell" },
  ],
  default: "disk",
  timeoutSeconds: 20,
};

let relay: TestRelay;
let local: string;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  relay = await createSite("lab", { menuInstall: true, defaultProfile: "menu" });
  await createProfiles();
  await done("PUT", "/profiles/live", { mode: "live", image: "debian-12", kernel: "linux", args: "live=1" });
  await done("PUT", "/profiles/xyz", { mode: "chain", url: "https://boot.example.org/" });
  await done("PUT", "/profiles/menu", MENU);
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC] });
  await settleProfiles("lab");
  local = await relay.script("52:54:00:00:00:99");
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

/** The query that a shown menu chooses an item with, as iPXE would send it. */
function choiceIn(menu: string, item: string): string {
  const [, query] = new RegExp(`script\\.ipxe\\?\\S*&(item=${item}&menu=\\w+)`).exec(menu) ?? [];
  expect(query, menu).toBeDefined();
  return query!;
}
const choose = async (query: string, mac = MAC): Promise<string> =>
  (await relay.ask(mac, "GET", `/boot/${mac}/script.ipxe?uuid=u&${query}`)).text;
const showMenu = async (mac = MAC): Promise<string> => {
  const script = await relay.script(mac);
  expect(script).toContain("menu -- Lab");
  return script;
};
const attempts = async () => (await done("GET", "/sites/lab/machines/node1/attempts")).items;

test("a machine without an order is shown the menu, with what it can have", async () => {
  const menu = await showMenu();
  expect(menu).toContain("item debian Install Debian 12");
  expect(menu).toContain("choose --default disk --timeout 20000 choice");
  await done("PUT", "/sites/lab", { defaultProfile: "menu" });
  expect(await showMenu()).not.toContain("item debian");
});

test("live and chain items are served as such, each time", async () => {
  const menu = await showMenu();
  for (let i = 0; i < 2; i++) {
    expect(await choose(choiceIn(menu, "live"))).toContain("live=1");
    expect(await choose(choiceIn(menu, "xyz"))).toContain("chain --autofree https://boot.example.org/");
  }
  expect(await lastDecision("lab", "node1")).toMatchObject({ kind: "chain", item: "xyz" });
  expect(await attempts()).toEqual([]);
});

describe("an item that installs is an order", () => {
  test("a real one, by the menu, with what was pinned then", async () => {
    const script = await choose(choiceIn(await showMenu(), "debian"));
    const [attempt] = await attempts();
    expect(attempt).toMatchObject({ profile: "debian-12", state: "booting", serves: 1, ttlSeconds: 3_600 });
    const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
    const armed = items.find(({ name }: { name: string }) => name === "armed");
    expect(armed).toMatchObject({ attempt: attempt.id, detail: { by: "menu" } });

    for (const { name } of (await env.REVISIONS.list()).keys) await env.REVISIONS.delete(name);
    const capability = capabilityOf(script);
    expect((await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`)).text).toContain("host='node1'");
    expect((await attempts())[0]).toMatchObject({ state: "committed", installs: 1 });
  });

  test("asked for again while it is active, it is the same; at its end, it orders nothing more", async () => {
    const query = choiceIn(await showMenu(), "debian");
    const scripts = await Promise.all([1, 2, 3].map(async () => await choose(query)));
    for (const script of scripts) expect(script).toContain("kernel --name kernel");
    // The machine starts again before it committed: the order stands, and goes before the menu.
    const again = await relay.script(MAC);
    const capability = capabilityOf(again);
    expect(await attempts()).toHaveLength(1);

    await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
    expect(await choose(query)).toBe(local);
    await relay.ask(MAC, "POST", `/e/${capability}/installed`);
    expect(await choose(query)).toBe(local);
    expect(await lastDecision("lab", "node1")).toMatchObject({ kind: "local", reason: "menu-not-shown" });
    expect(await attempts()).toHaveLength(1);

    // Another menu, another choice.
    expect(await choose(choiceIn(await showMenu(), "debian"))).toContain("kernel --name kernel");
    expect(await attempts()).toHaveLength(2);
  });

  test("of the menu that was shown last, to this machine", async () => {
    const old = choiceIn(await showMenu(), "debian");
    await showMenu();
    await done("PUT", "/sites/lab/machines/node2", { macs: [OTHER] });
    const others = choiceIn(await showMenu(OTHER), "debian");
    for (const query of [old, others, "item=debian", "item=debian&menu="]) {
      expect(await choose(query), query).toBe(local);
      expect(await lastDecision("lab", "node1")).toMatchObject({ reason: "menu-not-shown", item: "debian" });
    }
    expect(await attempts()).toEqual([]);
  });

  const refusals: [string, () => Promise<unknown>, object][] = [
    [
      "the site does not allow it any more",
      async () => await done("PUT", "/sites/lab", { defaultProfile: "menu" }),
      { reason: "menu-install-off" },
    ],
    [
      "the machine is protected",
      async () => await done("PATCH", "/sites/lab/machines/node1", { protected: true }),
      { reason: "menu-install-refused", problem: expect.stringContaining("protected") },
    ],
    [
      "more were armed lately than the site's limit",
      async () =>
        await done("PUT", "/sites/lab", {
          menuInstall: true,
          defaultProfile: "menu",
          armLimit: { machines: 0 },
        }),
      { reason: "menu-install-refused", problem: expect.stringContaining("limit of 0") },
    ],
    [
      "it does not render for this machine",
      async () => {
        const text = "---\nkind: shell\ndescription: x\n---\n{{machine.serial}}\n";
        await done("PUT", "/templates/answer", { text });
        await settleProfiles("lab");
      },
      { reason: "menu-install-refused" },
    ],
    [
      "KV does not have it",
      async () => {
        for (const { name } of (await env.REVISIONS.list({ prefix: "template/" })).keys)
          await env.REVISIONS.delete(name);
      },
      { reason: "profile-missing" },
    ],
    [
      "installs may not begin now",
      async () => {
        vi.setSystemTime(Date.parse("2026-11-23T12:00:00Z"));
        const windows = [{ days: ["mon"], from: "22:00", to: "04:00" }];
        await done("PUT", "/sites/lab", { menuInstall: true, defaultProfile: "menu", windows });
      },
      { reason: "outside-window" },
    ],
  ];
  test.each(refusals)("refused as the local disk where %s", async (_, change, decision) => {
    const query = choiceIn(await showMenu(), "debian");
    await change();
    expect(await choose(query)).toBe(local);
    expect(await lastDecision("lab", "node1")).toMatchObject({ kind: "local", item: "debian", ...decision });
    expect(await attempts()).toEqual([]);
  });

  test("GRUB can commit; PXELINUX cannot, and what fetches no answers is not ordered by it", async () => {
    const items = [...MENU.items, { key: "bare", label: "Bare", profile: "no-answers" }];
    await done("PUT", "/profiles/menu", { ...MENU, items });
    await settleProfiles("lab");
    const query = choiceIn(await showMenu(), "bare");
    const reply = await relay.ask(MAC, "GET", `/boot/${MAC}/pxelinux.cfg?${query}`);
    expect(reply.text).not.toContain("linux?");
    expect(await lastDecision("lab", "node1")).toMatchObject({ reason: "menu-install-refused" });
    expect(await attempts()).toEqual([]);
    expect(await choose(query)).toContain("imgfetch --name commit");
  });
});

test("choices that a menu does not have are the local disk", async () => {
  const query = choiceIn(await showMenu(), "debian").replace("debian", "");
  for (const item of ["nothing", "disk", "shell", "pxedge-local", "__proto__"]) {
    const asked = query.replace("item=", `item=${item}`);
    expect(await choose(asked), item).toBe(local);
    expect(await lastDecision("lab", "node1")).toMatchObject({ reason: "no-such-item", item });
  }
});

test("an order by the API goes before the menu, whatever was chosen in it", async () => {
  const query = choiceIn(await showMenu(), "live");
  await done("POST", "/sites/lab/machines/node1/arm", { profile: "no-answers" });
  expect(await choose(query)).toContain("imgfetch --name commit");
});

describe("a menu is refused", () => {
  const item = { key: "a", label: "A", profile: "live" };
  test.each([
    ["two items of one key", { items: [item, item], default: "a" }, "items[1].key"],
    ["a default of no item", { items: [item], default: "b" }, "default"],
    [
      "a profile that does not exist",
      { items: [{ ...item, profile: "none" }], default: "a" },
      "items[0].profile",
    ],
    ["a menu in a menu", { items: [{ ...item, profile: "menu" }], default: "a" }, "items[0].profile"],
    ["a default that installs", { items: [{ ...item, profile: "debian-12" }], default: "a" }, "default"],
    ["a key of ours", { items: [{ ...item, key: "pxedge-x" }], default: "pxedge-x" }, "items[0].key"],
    [
      "a label that iPXE reads",
      { items: [{ ...item, label: "a ${net0/mac}" }], default: "a" },
      "items[0].label",
    ],
  ])("for %s", async (_, menu, field) => {
    const reply = await api("PUT", "/profiles/other", { mode: "menu", title: "Other", ...menu });
    expect(reply.status, reply.text).toBe(422);
    expect(reply.json.errors.map((error: { field: string }) => error.field)).toContain(field);
  });
});
