import { reset } from "cloudflare:test";
import { afterEach, beforeEach, expect, test } from "vitest";
import { api, capabilityOf, createSite, done, upload, type TestRelay } from "./control-plane.ts";

const MAC = "52:54:00:00:00:01";
const FILES = ["wimboot", "boot/bcd", "sources/boot.wim"];
const PROFILE = {
  mode: "install",
  image: "windows",
  kernel: "wimboot",
  protocol: "plain",
  initrds: [{ file: "boot/bcd", name: "BCD" }, "sources/boot.wim", { answer: "autounattend.xml" }],
  answers: { "autounattend.xml": { template: "unattend" } },
};

let relay: TestRelay;

beforeEach(async () => {
  relay = await createSite("lab");
  const files: Record<string, { sha256: string }> = {};
  for (const [i, path] of FILES.entries()) {
    files[path] = { sha256: await upload("windows", path, [new Uint8Array(100 + i).fill(i)]) };
  }
  await done("PUT", "/images/windows", { files });
  const text = "---\nkind: unattend\ndescription: x\n---\n<name>{{machine.name}}</name>\n";
  await done("PUT", "/templates/unattend", { text });
  await done("PUT", "/profiles/windows", PROFILE);
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC] });
});
afterEach(reset);

const attempts = async () => (await done("GET", "/sites/lab/machines/node1/attempts")).items;

test("iPXE loads files by name, and the answer last, which commits", async () => {
  const local = await relay.script(MAC);
  await done("POST", "/sites/lab/machines/node1/arm", { profile: "windows" });
  const script = await relay.script(MAC);
  const [kernel, ...initrds] = script.split("\n").filter((line) => /^(?:kernel|initrd) /.test(line));
  expect(kernel).toMatch(/^kernel \/i\/windows\/\S+\/wimboot\?\S+ \|\| goto failed$/);
  expect(initrds.map((line) => line.replace(/ \/\S+\/([^/? ]+)(?:\?\S+)? /, " …$1 "))).toEqual([
    "initrd --name BCD …bcd BCD || goto failed",
    "initrd --name boot.wim …boot.wim boot.wim || goto failed",
    "initrd --name autounattend.xml …autounattend.xml autounattend.xml || goto failed",
  ]);
  expect(script).not.toContain("BOOTIF");
  expect(script).not.toContain("/commit");
  // Whatever iPXE loads before the answer commits nothing.
  const bcd = /\/i\/\S+bcd\S+/.exec(script)![0];
  expect((await relay.ask(MAC, "GET", bcd)).status).toBe(200);
  expect((await attempts())[0]).toMatchObject({ state: "booting", installs: 0 });

  const answer = await relay.ask(MAC, "GET", `/a/${capabilityOf(script)}/autounattend.xml`);
  expect(answer.text).toBe("<name>node1</name>\n");
  expect((await attempts())[0]).toMatchObject({ state: "committed", installs: 1 });
  // Windows restarts while it installs.
  expect(await relay.script(MAC)).toBe(local);
});

test("GRUB and PXELINUX boot the local disk, and the timeline says why", async () => {
  await done("POST", "/sites/lab/machines/node1/arm", { profile: "windows" });
  for (const file of ["grub.cfg", "pxelinux.cfg"]) {
    const { text } = await relay.ask(MAC, "GET", `/boot/${MAC}/${file}`);
    expect(text).toContain("booting the local disk");
    const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
    expect(items.at(-1)).toMatchObject({
      name: "refused",
      detail: { reason: expect.stringContaining("protocol: ") },
    });
  }
  expect((await attempts())[0]).toMatchObject({ state: "booting", installs: 0 });
});

test("a preview shows it", async () => {
  const preview = await done("GET", "/sites/lab/machines/node1/preview?profile=windows");
  expect(preview).toMatchObject({ problems: [] });
  expect(preview.script).toContain("initrd --name BCD ");
  expect(preview.answers["autounattend.xml"].text).toBe("<name>node1</name>\n");
});

test.each([
  ["a name for a Linux kernel's initrd", { protocol: "linux" }, "initrds[0]"],
  ["an answer that there is not", { answers: {} }, "initrds[2]"],
  ["a file after an answer", { initrds: [{ answer: "autounattend.xml" }, "boot/bcd"] }, "initrds[1]"],
  ["a file that the image does not hold", { initrds: [{ file: "none", name: "x" }] }, "initrds[0]"],
  ["a name that is no file name", { initrds: [{ file: "boot/bcd", name: "../x" }] }, "initrds[0].name"],
  ["another protocol", { protocol: "multiboot" }, "protocol"],
])("refused: %s", async (_, change, field) => {
  const name = "other";
  const put = await api("PUT", `/profiles/${name}`, { ...PROFILE, ...change });
  const reply =
    put.status === 422 ? put : await api("POST", "/sites/lab/machines/node1/arm", { profile: name });
  expect(reply.status, reply.text).toBe(422);
  expect(reply.json.errors.map((error: { field: string }) => error.field)).toContain(field);
});
