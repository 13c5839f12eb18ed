import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createProfiles, createSite, done, request, type Reply, type TestRelay } from "./control-plane.ts";

const MAC = "52:54:00:00:00:01";
const SIBLING = "52:54:00:00:00:02";
const STRANGER = "52:54:00:00:00:99";
const FIXED = `/boot/${MAC.replaceAll(":", "-")}/answer/answer.sh`;
const REFUSAL = { status: 404, text: "not found\n" };

let relay: TestRelay;

async function setUp(site: object): Promise<void> {
  relay = await createSite("lab", site);
  await createProfiles();
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC, SIBLING] });
}
afterEach(reset);

const arm = (body: object = {}) =>
  done("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12", ...body });
const attempt = async () => (await done("GET", "/sites/lab/machines/node1/attempts")).items[0];

/** Where the answer reports its end. */
function callbackOf({ status, text }: Reply): string {
  expect(status, text).toBe(200);
  return /done='https?:\/\/[^/]+(\S*\/e\/[0-9a-f]{48}\/)'installed/.exec(text)![1]!;
}

describe("an answer at a fixed URL", () => {
  beforeEach(() => setUp({}));

  test("is the observed machine's: the first commits, and it is the same bytes again", async () => {
    await arm();
    await relay.script(MAC);
    const first = await relay.ask(MAC, "GET", FIXED);
    expect(first.text).toContain("secret=canary-");
    expect(first.headers.get("cache-control")).toContain("no-store");
    expect(await attempt()).toMatchObject({ state: "committed", installs: 1 });
    const again = [
      await relay.ask(MAC, "POST", FIXED, "what an installer says of its machine"),
      await relay.ask(SIBLING, "GET", FIXED),
      await relay.ask(MAC, "GET", `/boot/${MAC}/answer/answer.sh`),
      await relay.ask(MAC, "POST", "/boot/self/answer/answer.sh", "{}"),
    ];
    for (const reply of again) expect(reply).toMatchObject({ status: 200, text: first.text });
    expect(await relay.script(MAC)).not.toContain("kernel");

    expect(await relay.ask(MAC, "POST", `${callbackOf(first)}installed`)).toMatchObject({ status: 200 });
    expect(await attempt()).toMatchObject({ state: "installed", installs: 1 });
    expect(await relay.ask(MAC, "GET", FIXED)).toMatchObject(REFUSAL);
  });

  test("all that is wrong gets the one 404, and commits nothing", async () => {
    expect(await relay.ask(MAC, "GET", FIXED)).toMatchObject(REFUSAL);
    await arm();
    // Its script was not served yet: whoever boots it otherwise does not wipe it.
    expect(await relay.ask(MAC, "GET", FIXED)).toMatchObject(REFUSAL);
    await relay.script(MAC);
    const wrong = [
      await relay.ask(STRANGER, "GET", FIXED),
      await relay.ask(null, "GET", FIXED),
      await relay.ask(null, "GET", "/boot/self/answer/answer.sh"),
      await relay.ask(STRANGER, "GET", "/boot/self/answer/answer.sh"),
      await relay.ask(MAC, "GET", `/boot/${STRANGER}/answer/answer.sh`),
      await relay.ask(MAC, "GET", "/boot/nonsense/answer/answer.sh"),
      await relay.ask(MAC, "GET", `/boot/${MAC}/answer/other.sh`),
      await relay.ask(MAC, "GET", `/boot/${MAC}/answer/__proto__`),
    ];
    for (const reply of wrong) {
      expect(reply).toMatchObject(REFUSAL);
      expect([...reply.headers.keys()].filter((name) => name !== "pxedge-state")).toEqual([
        "cache-control",
        "content-type",
      ]);
    }
    expect((await relay.ask(MAC, "HEAD", FIXED)).status).toBe(405);
    expect((await attempt()).state).toBe("booting");
    expect(await relay.ask(MAC, "GET", FIXED)).toMatchObject({ status: 200 });
  });

  test("an install that is tried again has a capability of its own, and the earlier one is dead", async () => {
    await arm({ retries: 1 });
    await relay.script(MAC);
    const first = callbackOf(await relay.ask(MAC, "GET", FIXED));
    expect(await relay.ask(MAC, "POST", `${first}failed`, "no disk")).toMatchObject({ status: 200 });
    await relay.script(MAC);
    const second = callbackOf(await relay.ask(MAC, "GET", FIXED));
    expect(second).not.toBe(first);
    expect(await relay.ask(MAC, "POST", `${first}installed`)).toMatchObject(REFUSAL);
    expect(await relay.ask(MAC, "POST", `${second}installed`)).toMatchObject({ status: 200 });
    expect(await attempt()).toMatchObject({ state: "installed", installs: 2 });
  });

  test("is revoked with the order", async () => {
    await arm();
    await relay.script(MAC);
    const callback = callbackOf(await relay.ask(MAC, "GET", FIXED));
    await done("POST", "/sites/lab/machines/node1/disarm");
    expect(await relay.ask(MAC, "GET", FIXED)).toMatchObject(REFUSAL);
    expect(await relay.ask(MAC, "POST", `${callback}installed`)).toMatchObject({ status: 200 });
  });
});

describe.each([true, false])("directly, where the site's directInstall is %s", (directInstall) => {
  test("it is as with scripts", async () => {
    await setUp({ directInstall });
    const { token } = await done("POST", "/sites/lab/boot-tokens", { description: "rack 1" });
    const ask = (method: string, path: string) => request(method, `/s/${token}${path}`);
    await arm();
    await relay.script(MAC);
    const reply = await ask("GET", FIXED);
    if (directInstall) {
      const callback = callbackOf(reply);
      expect(await request("POST", `${callback}installed`)).toMatchObject({ status: 200 });
      expect((await attempt()).state).toBe("installed");
    } else {
      expect(reply).toMatchObject(REFUSAL);
      expect((await attempt()).state).toBe("booting");
    }
    expect(await ask("GET", "/boot/self/answer/answer.sh")).toMatchObject(REFUSAL);
  });
});
