import { reset } from "cloudflare:test";
import { afterEach, beforeEach, expect, test } from "vitest";
import { api, createSite, done, type TestRelay } from "./control-plane.ts";
import { lastDecision, settleProfiles } from "./profiles-in-use.ts";

const MAC = "52:54:00:00:00:01";
const OTHER = "52:54:00:00:00:02";
const SECRET = "canary-7f31";
const PROFILE = {
  mode: "san",
  uri: "iscsi:{{sanServer}}::::iqn.2026-01.org.example:{{machine.name}}",
  initiator: "iqn.2026-01.org.example:host:{{machine.name}}",
  username: "{{machine.name}}",
  password: "{{secret.san}}",
  variables: { sanServer: "192.0.2.5" },
};

let relay: TestRelay;
let local: string;

beforeEach(async () => {
  relay = await createSite("lab");
  await done("PUT", "/secrets/san", { value: SECRET });
  await done("PUT", "/profiles/san", PROFILE);
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC], profile: "san" });
  await settleProfiles("lab");
  local = await relay.script("52:54:00:00:00:99");
});
afterEach(reset);

test("its machine boots the disk, each time, with its own names and the secret", async () => {
  for (let i = 0; i < 2; i++) {
    const reply = await relay.ask(MAC, "GET", `/boot/${MAC}/script.ipxe`);
    expect(reply.text).toContain("set initiator-iqn iqn.2026-01.org.example:host:node1 ");
    expect(reply.text).toContain("set username node1 ");
    expect(reply.text).toContain(`set password ${SECRET} `);
    expect(reply.text).toContain("sanboot iscsi:192.0.2.5::::iqn.2026-01.org.example:node1 ");
    expect(reply.headers.get("cache-control")).toContain("no-store");
    // A relay keeps on its disk what it may repeat.
    expect(reply.headers.get("pxedge-repeatable")).toBeNull();
  }
  expect(await lastDecision("lab", "node1")).toMatchObject({ kind: "san", secrets: "san" });
  const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
  expect(JSON.stringify(items)).not.toContain(SECRET);
});

test("nobody else gets it: strangers, a mismatch, who was not observed", async () => {
  await done("PUT", "/sites/lab/machines/node2", { macs: [OTHER] });
  for (const observed of [OTHER, null, "52:54:00:00:00:99"]) {
    expect((await relay.ask(observed, "GET", `/boot/${MAC}/script.ipxe`)).text).toBe(local);
  }
});

test("GRUB and PXELINUX say that they cannot, without the secret", async () => {
  for (const file of ["grub.cfg", "pxelinux.cfg"]) {
    const { text } = await relay.ask(MAC, "GET", `/boot/${MAC}/${file}`);
    expect(text).toContain("boots no disk over the network");
    expect(text).not.toContain(SECRET);
  }
});

test("a relay knows that its machine has no disk to fall back to, and nothing of the secret", async () => {
  const { json, text } = await relay.ask(null, "GET", "/relay/v1/state");
  expect(json.machines).toMatchObject([{ name: "node1", diskless: true }]);
  expect(text).not.toContain(SECRET);
});

test("a secret that changes is the next boot's", async () => {
  await done("PUT", "/secrets/san", { value: "another" });
  await settleProfiles("lab");
  expect(await relay.script(MAC)).toContain("set password another ");
});

test("a secret that there is not, or that iPXE cannot carry: the local disk, and why", async () => {
  await done("PUT", "/secrets/san", { value: "two words" });
  await settleProfiles("lab");
  expect(await relay.script(MAC)).toBe(local);
  expect(await lastDecision("lab", "node1")).toMatchObject({
    reason: "profile-missing",
    problem: expect.stringContaining("secret.san"),
  });
  expect(JSON.stringify(await lastDecision("lab", "node1"))).not.toContain("two words");
  await done("DELETE", "/secrets/san");
  await settleProfiles("lab");
  expect(await relay.script(MAC)).toBe(local);
});

test("without a password a relay may repeat it", async () => {
  const { username: _, password: _p, ...open } = PROFILE;
  await done("PUT", "/profiles/san", open);
  await settleProfiles("lab");
  const reply = await relay.ask(MAC, "GET", `/boot/${MAC}/script.ipxe`);
  expect(reply.text).not.toContain("set password");
  expect(reply.headers.get("pxedge-repeatable")).toBe("as-is");
});

test("a preview masks the secret", async () => {
  const preview = await done("GET", "/sites/lab/machines/node1/preview");
  expect(preview.script).toContain("set password masked-san ");
  expect(preview.problems).toEqual([]);
});

test("a menu may hold one", async () => {
  await done("PUT", "/profiles/menu", {
    mode: "menu",
    title: "Lab",
    items: [
      { key: "disk", label: "The local disk", hotkey: "d", action: "local" },
      { key: "san", label: "The network's", hotkey: "n", profile: "san" },
    ],
    default: "san",
  });
  await done("PATCH", "/sites/lab/machines/node1", { profile: "menu" });
  await settleProfiles("lab");
  const menu = await relay.script(MAC);
  expect(menu).toContain("item --key n san The network's");
  const query = /script\.ipxe\?\S*&(item=san&menu=\w+)/.exec(menu)![1]!;
  const { text } = await relay.ask(MAC, "GET", `/boot/${MAC}/script.ipxe?${query}`);
  expect(text).toContain(`set password ${SECRET} `);
});

test.each([
  ["another protocol", { uri: "nfs:192.0.2.5" }, "uri"],
  ["a URI of two words", { uri: "iscsi:192.0.2.5 shell" }, "uri"],
  ["a password without a user", { username: undefined }, "password"],
  ["what is no template", { initiator: "{{#x}}" }, "initiator"],
])("refused: %s", async (_, change, field) => {
  const reply = await api("PUT", "/profiles/other", { ...PROFILE, ...change });
  expect(reply.status, reply.text).toBe(422);
  expect(reply.json.errors.map((error: { field: string }) => error.field)).toContain(field);
});

test("one hot key for two items of a menu is refused", async () => {
  const items = ["a", "b"].map((key) => ({ key, label: key, hotkey: "x", action: "local" }));
  const reply = await api("PUT", "/profiles/menu", { mode: "menu", title: "x", items, default: "a" });
  expect(reply.json.errors).toMatchObject([{ field: "items[1].hotkey" }]);
});
