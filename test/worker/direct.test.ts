import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  api,
  capabilityOf,
  createProfiles,
  createSite,
  done,
  request,
  type TestRelay,
} from "./control-plane.ts";

const MAC = "52:54:00:00:00:01";
const STRANGER = "52:54:00:00:00:99";
const REFUSAL = { status: 404, text: "not found\n" };

let relay: TestRelay;
let prefix: string;

async function setUp(site: object): Promise<void> {
  relay = await createSite("lab", site);
  await createProfiles();
  await done("PUT", `/sites/lab/machines/node1`, { macs: [MAC, "52:54:00:00:00:02"] });
  const { token } = await done("POST", "/sites/lab/boot-tokens", { description: "rack 1" });
  expect(token).toMatch(/^pxb_[0-9a-f]{16}_[0-9a-f]{16}_[0-9a-f]{32}$/);
  prefix = `/s/${token}`;
}
afterEach(reset);

const ask = (path: string, method = "GET", headers: Record<string, string> = {}) =>
  request(method, `${prefix}${path}`, { headers });
const script = async (mac: string) => (await ask(`/boot/${mac.replaceAll(":", "-")}/script.ipxe`)).text;
const arm = () => done("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" });
const attempt = async () => (await done("GET", "/sites/lab/machines/node1/attempts")).items[0];

describe("where the site allows it", () => {
  beforeEach(() => setUp({ directInstall: true }));

  test("an install from stage one to the callback, every URL under the prefix", async () => {
    const stageOne = await ask("/boot.ipxe");
    expect(stageOne.text).toContain(" boot/${netX/mac:hexhyp}/script.ipxe?");
    const local = await script(MAC);
    await arm();

    const install = await script(MAC);
    const capability = capabilityOf(install);
    expect(install).toContain(`answer=https://pxedge.test${prefix}/a/${capability}/answer.sh`);
    const [kernel, initrd] = [...install.matchAll(/--name \w+ (\S+)/g)].map((match) => match[1]!);
    expect(kernel).toMatch(/^\/s\/pxb_/);
    expect((await request("GET", kernel!)).text).toBe("\u0001".repeat(3000));
    expect((await request("HEAD", initrd!)).headers.get("content-length")).toBe("5000");

    const answer = await ask(`/a/${capability}/answer.sh`);
    expect(answer.text).toContain(`done='https://pxedge.test${prefix}/e/${capability}/'installed`);
    expect(await attempt()).toMatchObject({ state: "committed", installs: 1 });
    expect(await script(MAC)).toBe(local);
    expect(await ask(`/e/${capability}/installed`, "POST")).toMatchObject({ status: 200 });
    expect(await attempt()).toMatchObject({ state: "installed" });
  });

  test("the timeline says that nobody observed the MAC", async () => {
    await arm();
    const capability = capabilityOf(await script(MAC));
    await ask(`/a/${capability}/answer.sh`);
    const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
    const details = items.map((event: { name: string; detail: object }) => [event.name, event.detail]);
    expect(details).toContainEqual([
      "served",
      { kind: "install", dialect: "ipxe", via: "direct", macClaimed: true },
    ]);
    expect(details).toContainEqual(["committed", { file: "answer.sh", via: "direct" }]);
  });

  test("an installer that fetches no answer commits under the prefix", async () => {
    await done("POST", "/sites/lab/machines/node1/arm", { profile: "no-answers" });
    const commit = /imgfetch --name commit (\S+)/.exec(await script(MAC))![1]!;
    expect(commit.startsWith(`${prefix}/a/`)).toBe(true);
    expect(await request("GET", commit)).toMatchObject({ status: 200, text: "committed\n" });
    expect(await attempt()).toMatchObject({ state: "committed" });
  });

  test("headers that only a relay may send are not believed", async () => {
    await arm();
    const headers = { "pxedge-client-mac": MAC, "pxedge-base-url": "http://10.0.0.1" };
    const path = `/boot/${STRANGER}/script.ipxe`;
    expect((await ask(path, "GET", headers)).text).toBe(await script(STRANGER));
    const install = await ask(`/boot/${MAC}/script.ipxe`, "GET", headers);
    expect(install.text).toContain(`answer=https://pxedge.test${prefix}/`);
  });

  test("a capability that went out through a relay is of no use here", async () => {
    await arm();
    const capability = capabilityOf(await relay.script(MAC));
    expect(await ask(`/a/${capability}/answer.sh`)).toMatchObject(REFUSAL);
    expect(await attempt()).toMatchObject({ state: "booting", installs: 0 });
  });

  test("HEAD neither serves a script nor calls back, and does not commit", async () => {
    await arm();
    expect((await ask(`/boot/${MAC}/script.ipxe`, "HEAD")).status).toBe(405);
    expect(await attempt()).toMatchObject({ state: "armed", serves: 0 });
    const capability = capabilityOf(await script(MAC));
    expect((await ask(`/e/${capability}/installed`, "HEAD")).status).toBe(405);
    expect((await ask(`/a/${capability}/answer.sh`, "HEAD")).status).toBe(200);
    expect(await attempt()).toMatchObject({ state: "booting", installs: 0 });
  });
});

describe("where the site does not", () => {
  beforeEach(() => setUp({}));

  test("an armed machine gets the bytes of an unknown one, and no answer", async () => {
    const local = await script(STRANGER);
    await arm();
    expect(await script(MAC)).toBe(local);
    expect(await relay.script(STRANGER)).toBe(local);
    expect(await attempt()).toMatchObject({ state: "armed", serves: 0 });
    const capability = capabilityOf(await relay.script(MAC));
    expect(await ask(`/a/${capability}/answer.sh`)).toMatchObject(REFUSAL);
    const { items } = await done("GET", "/sites/lab/machines/node1/timeline");
    expect(items.at(1)).toMatchObject({ name: "served", detail: { reason: "not-observed", via: "direct" } });
  });
});

describe("boot tokens", () => {
  beforeEach(() => setUp({ directInstall: true }));

  test("they are listed without the token, and one that is deleted is refused at once", async () => {
    await ask("/boot.ipxe");
    const { items } = await done("GET", "/sites/lab/boot-tokens");
    expect(items).toEqual([
      {
        id: expect.any(String),
        description: "rack 1",
        createdAt: expect.any(String),
        lastUsedAt: expect.any(String),
      },
    ]);
    expect((await api("DELETE", `/sites/lab/boot-tokens/${items[0].id}`)).status).toBe(204);
    expect((await api("DELETE", `/sites/lab/boot-tokens/${items[0].id}`)).status).toBe(404);
    expect(await ask("/boot.ipxe")).toMatchObject(REFUSAL);
  });

  test("a wrong token, another kind of credential or another site's get one refusal", async () => {
    await arm();
    const install = await script(MAC);
    const capability = capabilityOf(install);
    const kernel = /--name kernel (\S+)/.exec(install)![1]!.slice(prefix.length);
    await createSite("elsewhere", { directInstall: true });
    const other = await done("POST", "/sites/elsewhere/boot-tokens", {});
    const wrong = prefix.slice(0, -1) + (prefix.endsWith("0") ? "1" : "0");
    const prefixes = [wrong, `/s/${relay.credential}`, "/s/x", `/s/${prefix.slice(3).replace("p", "%70")}`];
    for (const path of [
      "/boot.ipxe",
      `/boot/${MAC}/script.ipxe`,
      `/a/${capability}/answer.sh`,
      kernel,
      "/f/x",
    ]) {
      for (const each of prefixes) {
        expect(await request("GET", each + path), each + path).toMatchObject(REFUSAL);
      }
      if (path.startsWith("/boot")) continue;
      expect(await request("GET", `/s/${other.token}${path}`), path).toMatchObject(REFUSAL);
    }
    expect(await attempt()).toMatchObject({ state: "booting", installs: 0 });
  });

  test("a boot token opens nothing of a relay's or of the API", async () => {
    const token = prefix.slice("/s/".length);
    for (const path of ["/relay/v1/state", "/api/v1/sites", `/boot/${MAC}/script.ipxe`]) {
      expect((await request("GET", path, { token })).status, path).toBe(401);
    }
    expect(await ask("/relay/v1/state")).toMatchObject(REFUSAL);
    expect(await ask("/api/v1/sites")).toMatchObject(REFUSAL);
  });
});

describe("boot files", () => {
  beforeEach(() => setUp({}));

  test("a boot file is uploaded once and served to every site, ranged and by HEAD", async () => {
    const bytes = new Uint8Array(1000).fill(7);
    const put = await api("PUT", "/boot-files/ipxe.efi", bytes, { "content-length": "1000" });
    expect(put).toMatchObject({ status: 200, json: { name: "ipxe.efi", sizeBytes: 1000 } });
    const whole = await ask("/f/ipxe.efi");
    expect(whole).toMatchObject({ status: 200, text: "\u0007".repeat(1000) });
    expect((await ask("/f/ipxe.efi", "HEAD")).headers.get("content-length")).toBe("1000");
    const part = await ask("/f/ipxe.efi", "GET", { range: "bytes=990-" });
    expect([part.status, part.text.length]).toEqual([206, 10]);
    expect((await request("GET", "/f/ipxe.efi", { token: relay.credential })).text).toBe(whole.text);
    expect(await ask("/f/other.efi")).toMatchObject(REFUSAL);
    expect(await ask("/f/..%2Ffiles%2Fx")).toMatchObject(REFUSAL);

    expect((await done("GET", "/boot-files")).items).toMatchObject([{ name: "ipxe.efi" }]);
    await api("DELETE", "/boot-files/ipxe.efi");
    expect(await ask("/f/ipxe.efi")).toMatchObject(REFUSAL);
  });

  test("autoexec.ipxe is stage one, from where it lies", async () => {
    const { status, text } = await ask("/f/autoexec.ipxe");
    expect(status).toBe(200);
    expect(text).toContain(" ../boot/${netX/mac:hexhyp}/script.ipxe?");
    expect(text).toContain("isset ${netX/ip} || dhcp ||\nchain ");
    expect((await ask("/boot.ipxe")).text).not.toContain("dhcp");
    expect((await request("GET", "/f/autoexec.ipxe", { token: relay.credential })).status).toBe(404);
  });
});
