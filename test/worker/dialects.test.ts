import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  capabilityOf,
  createProfiles,
  createSite,
  done,
  request,
  type Reply,
  type TestRelay,
} from "./control-plane.ts";

const MAC = "52:54:00:00:00:01";
const STRANGER = "52:54:00:00:00:99";
const FILES = ["grub.cfg", "pxelinux.cfg"] as const;
type ScriptFile = (typeof FILES)[number];

let relay: TestRelay;

beforeEach(async () => {
  relay = await createSite("lab");
  await createProfiles();
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC] });
});
afterEach(reset);

const path = (file: string, mac = MAC): string => `/boot/${mac.replaceAll(":", "-")}/${file}`;

async function ask(file: ScriptFile, observed: string | null = MAC): Promise<Reply> {
  return await relay.ask(observed, "GET", path(file));
}

async function arm(profile = "debian-12"): Promise<void> {
  await done("POST", "/sites/lab/machines/node1/arm", { profile });
}

async function decisions(): Promise<{ name: string; detail: Record<string, unknown> }[]> {
  const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
  return items
    .filter(({ stage }: { stage: string }) => stage === "decision")
    .map(({ name, detail }: { name: string; detail: object }) => ({ name, detail }));
}

/** The image files that a config loads, as HTTP paths. */
function filesOf(config: string): string[] {
  return [...new Set(config.match(/\/?t\/[0-9a-z]+\.[^\s',]+/g))].map((name) => name.replace(/^\/?/, "/"));
}

describe.each(FILES)("%s", (file) => {
  test("an install from arm to local boot", async () => {
    const local = (await ask(file)).text;
    await arm();
    const { text, headers } = await ask(file);
    expect(headers.get("cache-control")).toContain("no-store");
    const files = filesOf(text);
    expect(files.map((name) => name.split("/").at(-1))).toEqual(["linux", "initrd.gz"]);
    for (const name of files) expect(name.length - 1).toBeLessThanOrEqual(127);
    expect((await relay.ask(MAC, "GET", files[0]!)).text).toBe("\u0001".repeat(3000));
    expect((await relay.ask(MAC, "GET", files[1]!)).text).toBe("\u0002".repeat(5000));
    expect(text).toContain("BOOTIF=01-52-54-00-00-00-01");

    const capability = capabilityOf(text);
    expect((await relay.ask(MAC, "GET", `/a/${capability}/answer.sh`)).status).toBe(200);
    expect((await ask(file)).text).toBe(local);
    await relay.ask(MAC, "POST", `/e/${capability}/installed`);
    expect((await ask(file)).text).toBe(local);
    const dialect = file === "grub.cfg" ? "grub" : "pxelinux";
    expect(await decisions()).toContainEqual({
      name: "served",
      detail: expect.objectContaining({ kind: "install", dialect }),
    });
  });

  test("unknown, mismatched, unobserved and unarmed machines get the same bytes, no machine's address as well", async () => {
    const unarmed = (await ask(file)).text;
    await arm();
    const others = [
      await relay.ask(STRANGER, "GET", path(file)),
      await relay.ask(null, "GET", path(file)),
      await relay.ask(STRANGER, "GET", path(file, STRANGER)),
      await relay.ask(MAC, "GET", path(file, STRANGER)),
      await relay.ask(MAC, "GET", `/boot/nonsense/${file}`),
    ];
    expect(new Set(others.map(({ status, text }) => `${status} ${text}`))).toEqual(
      new Set([`200 ${unarmed}`]),
    );
    expect((await ask(file)).text).not.toBe(unarmed);
  });

  test("each serve counts, and kills the capability before", async () => {
    await arm();
    const first = capabilityOf((await ask(file)).text);
    expect(capabilityOf(await relay.script(MAC))).not.toBe(first);
    expect((await relay.ask(MAC, "GET", `/a/${first}/answer.sh`)).status).toBe(404);
  });

  test("no HEAD, and no answer without a relay's credential", async () => {
    expect((await relay.ask(MAC, "HEAD", path(file))).status).toBe(405);
    expect((await request("GET", path(file))).status).toBe(401);
  });
});

test("GRUB commits by its last download", async () => {
  await arm("no-answers");
  const { text } = await ask("grub.cfg");
  const commit = /\/a\/[0-9a-f]+\/commit/.exec(text)![0];
  expect((await relay.ask(MAC, "GET", commit)).text).toBe("committed\n");
  expect((await ask("grub.cfg")).text).not.toContain("if linux ");
});

test("PXELINUX cannot commit: it boots the local disk, says why, and nothing is committed", async () => {
  const local = (await ask("pxelinux.cfg")).text;
  await arm("no-answers");
  const { text, status, headers } = await ask("pxelinux.cfg");
  expect(status).toBe(200);
  expect(text.split("\n").slice(1).join("\n")).toBe(local);
  expect(text).toMatch(/^SAY pxedge: .*PXELINUX cannot commit an install/);
  expect(headers.get("pxedge-repeatable")).toBeNull();
  expect((await decisions()).at(-1)).toEqual({
    name: "refused",
    detail: { dialect: "pxelinux", reason: expect.stringContaining("cannot commit") },
  });
  const { items } = await done("GET", "/sites/lab/machines/node1/attempts");
  expect(items[0]).toMatchObject({ state: "booting", installs: 0 });
});

test("arguments that a boot loader cannot carry: the local disk, and why", async () => {
  await done("PUT", "/profiles/settings", {
    mode: "install",
    image: "debian-12",
    kernel: "linux",
    args: "ip=${net0/ip} answer={{urls.answers}}answer.sh",
    answers: { "answer.sh": { template: "answer" } },
  });
  await arm("settings");
  expect((await ask("grub.cfg")).text).toMatch(/^echo 'pxedge: not what this machine shall boot: args: /);
  expect(await relay.script(MAC)).toContain("ip=${net0/ip}");
});

test("there is no other script", async () => {
  expect((await relay.ask(MAC, "GET", path("menu.cfg"))).status).toBe(404);
});
