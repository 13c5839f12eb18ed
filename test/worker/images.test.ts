import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { signTreeGrant } from "../../core/sign/tree-grant.ts";
import { deriveSiteKeys } from "../../worker/image-keys.ts";
import { createProfiles, createSite, done, env, request, type TestRelay } from "./control-plane.ts";

const REFUSAL = { status: 404, text: "not found\n" };

let relay: TestRelay;
let siteId: string;
let revision: string;

beforeEach(async () => {
  relay = await createSite("lab");
  await createProfiles();
  siteId = (await done("GET", "/sites/lab")).id;
  revision = (await done("GET", "/images/debian-12")).revision;
});
afterEach(reset);

const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  request(method, path, { token: relay.credential, headers });

describe("tree grants", () => {
  async function grant(more: { kid?: string; expiresAt?: number; site?: string } = {}): Promise<string> {
    const site = more.site ?? siteId;
    const keys = await deriveSiteKeys(env.IMAGE_KEYS, site);
    const key = more.kid === undefined ? keys[0]! : keys.find(({ kid }) => kid === more.kid)!;
    const expiresAt = more.expiresAt ?? Math.ceil(Date.now() / 1_000) + 600;
    return await signTreeGrant({ ...key, siteId: site, image: "debian-12", revision, expiresAt });
  }

  test("every file of the revision, and nothing else", async () => {
    const tree = await grant();
    expect(await get(`${tree}/linux`)).toMatchObject({ status: 200, text: "\u0001".repeat(3000) });
    expect((await get(`${tree}/initrd.gz`, { range: "bytes=10-19" })).text).toBe("\u0002".repeat(10));
    expect((await get(`${tree}/linux`, {}, "HEAD")).headers.get("content-length")).toBe("3000");
    expect((await get(`${tree}/linux?.treeinfo=1`)).status).toBe(200);
    for (const path of ["/.treeinfo", "/", "", "/%zz", "/../debian-12/linux", "/constructor", "//linux"]) {
      expect(await get(tree + path), path).toMatchObject(REFUSAL);
    }
  });

  test("expired, of another site, and with each byte changed: one refusal", async () => {
    const now = Math.floor(Date.now() / 1_000);
    expect((await get(`${await grant({ expiresAt: now - 30 })}/linux`)).status).toBe(200);
    expect(await get(`${await grant({ expiresAt: now - 90 })}/linux`)).toMatchObject(REFUSAL);
    expect(await get(`${await grant({ site: "0123456789abcdef" })}/linux`)).toMatchObject(REFUSAL);
    const tree = await grant();
    for (let i = "/t/".length; i < tree.length; i++) {
      const flipped = String.fromCharCode(tree.charCodeAt(i) ^ 1);
      const reply = await get(`${tree.slice(0, i)}${flipped}${tree.slice(i + 1)}/linux`);
      expect(reply, `byte ${i} → ${flipped}`).toMatchObject(REFUSAL);
    }
  });

  test("a key that signs no more still verifies while it is listed", async () => {
    expect(env.IMAGE_KEYS).toMatch(/^t2:.*,t1:/);
    expect((await get(`${await grant({ kid: "t1" })}/linux`)).status).toBe(200);
  });
});

describe("delivery", () => {
  test("a client that has the file is told so", async () => {
    await done("PUT", "/sites/lab/machines/52:54:00:00:00:01", {});
    await done("POST", "/sites/lab/machines/52:54:00:00:00:01/arm", { profile: "debian-12" });
    const url = /initrd --name initrd0 (\S+)/.exec(await relay.script("52:54:00:00:00:01"))![1]!;
    const etag = (await get(url, {}, "HEAD")).headers.get("etag")!;
    for (const header of [etag, `"other", ${etag}`, `W/${etag}`, "*"]) {
      for (const method of ["GET", "HEAD"]) {
        const reply = await get(url, { "if-none-match": header, range: "bytes=0-1" }, method);
        expect([reply.status, reply.text, reply.headers.get("etag")], header).toEqual([304, "", etag]);
      }
    }
    expect((await get(url, { "if-none-match": '"other"' })).status).toBe(200);
  });
});
