import { reset } from "cloudflare:test";
import { afterEach, beforeEach, expect, test } from "vitest";
import { api, capabilityOf, createProfiles, createSite, done, type TestRelay } from "./control-plane.ts";
import { settleProfiles } from "./profiles-in-use.ts";

const MAC = "52:54:00:00:00:01";
const OTHER = "52:54:00:00:00:02";
const SECOND = { bios: { drive: 129 } };

let relay: TestRelay;
let usual: string;

beforeEach(async () => {
  relay = await createSite("lab");
  await createProfiles();
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC], localBoot: SECOND });
  usual = await relay.script("52:54:00:00:00:99");
});
afterEach(reset);

test("a machine's own disk, while nothing is armed and after the commit", async () => {
  const own = await relay.script(MAC);
  expect(own).toContain("sanboot --no-describe --drive 0x81 ");
  await done("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" });
  const capability = capabilityOf(await relay.script(MAC));
  await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`);
  expect(await relay.script(MAC)).toBe(own);
  const { text } = await relay.ask(MAC, "GET", `/boot/${MAC}/grub.cfg`);
  expect(text).toContain("set root=(hd1)");
});

test("who is not known for sure gets the same bytes as ever", async () => {
  await done("PUT", "/sites/lab/machines/node2", { macs: [OTHER] });
  for (const observed of [OTHER, null]) {
    expect((await relay.ask(observed, "GET", `/boot/${MAC}/script.ipxe`)).text).toBe(usual);
  }
  expect(await relay.script(OTHER)).toBe(usual);
});

test("in its menu, and in a preview", async () => {
  await done("PUT", "/profiles/menu", {
    mode: "menu",
    title: "Lab",
    items: [{ key: "disk", label: "The local disk", action: "local" }],
    default: "disk",
  });
  await done("PUT", "/profiles/disk", { mode: "local" });
  await done("PATCH", "/sites/lab/machines/node1", { profile: "menu" });
  await settleProfiles("lab");
  expect(await relay.script(MAC)).toContain("sanboot --no-describe --drive 0x81 ");
  for (const profile of ["menu", "disk"]) {
    const { script } = await done("GET", `/sites/lab/machines/node1/preview?profile=${profile}`);
    expect(script, profile).toContain("--drive 0x81 ");
  }
});

test("relays are not told: what they serve without us is the same for all", async () => {
  const { json } = await relay.ask(null, "GET", "/relay/v1/state");
  expect(json.machines[0]).not.toHaveProperty("localBoot");
});

test.each([
  { bios: { drive: 127 } },
  { bios: "sanboot" },
  { efi: "exit" },
  { efi: { loader: String.raw`\EFI\debian\grubx64.efi` } },
  { efi: { loader: "/EFI/../grub.efi" } },
  { efi: { loader: "/EFI/debian/grub x64.efi" } },
  { uefi: "exit-success" },
])("refused: %j", async (localBoot) => {
  const reply = await api("PATCH", "/sites/lab/machines/node1", { localBoot });
  expect(reply.status, reply.text).toBe(422);
  expect(reply.json.errors[0].field).toMatch(/^localBoot/);
});
