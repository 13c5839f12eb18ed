import { reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { signTreeGrant } from "../../core/sign/tree-grant.ts";
import { createApp } from "../../worker/app.ts";
import { controlObject } from "../../worker/env.ts";
import { deriveSiteKeys } from "../../worker/image-keys.ts";
import { unwrap } from "../../worker/problem.ts";
import { assembleUpload } from "../../worker/upload-bytes.ts";
import {
  api,
  capabilityOf,
  createProfiles,
  createSite,
  done,
  env,
  request,
  sha256Of,
  upload,
  type TestRelay,
} from "./control-plane.ts";

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

  test("kernel arguments and answers name the tree, until the attempt's last instant", async () => {
    await done("PUT", "/templates/tree", {
      text: "---\nkind: shell\ndescription: x\n---\ntree={{urls.tree}}\n",
    });
    const boot = { mode: "install", image: "debian-12", kernel: "linux" };
    const answers = { "ks.cfg": { template: "tree" } };
    await done("PUT", "/profiles/tree", {
      ...boot,
      args: "inst.repo={{urls.tree}} inst.ks={{urls.answers}}ks.cfg",
      answers,
    });
    const mac = "52:54:00:00:00:01";
    await done("PUT", `/sites/lab/machines/${mac}`, {});
    await done("POST", `/sites/lab/machines/${mac}/arm`, { profile: "tree" });
    const script = await relay.script(mac);
    const pattern = /http:\/\/192\.168\.77\.1:8080(\/t\/[^ \n']+\/)/;
    const tree = pattern.exec(script)![1]!;
    expect((await get(`${tree}initrd.gz`)).text).toBe("\u0002".repeat(5000));
    const answer = await relay.ask(mac, "GET", `/a/${capabilityOf(script)}/ks.cfg`);
    expect(pattern.exec(answer.text)![1]).toBe(tree);
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

/** The Worker with other settings, in this isolate, so that what it fetches can be stood in for. */
async function fetchWith(bindings: object, path: string, init: RequestInit): Promise<Response> {
  const request = new Request(`https://pxedge.test${path}`, init);
  return await createApp().fetch(request, { ...env, ...bindings });
}

const S3 = {
  S3_BUCKET_URL: "https://account.r2.example.com/pxedge-images",
  S3_ACCESS_KEY_ID: "AKIDEXAMPLE",
  S3_SECRET_ACCESS_KEY: "secret-canary",
};

/** Arms a machine with a profile of an image, and returns its kernel's URL: with a boot token, and through the relay. */
async function kernelUrls(image: string): Promise<{ direct: string; relayed: string }> {
  await done("PUT", "/sites/lab", { directInstall: true });
  await done("PUT", "/profiles/p", { mode: "install", image, kernel: "linux" });
  await done("PUT", "/sites/lab/machines/52:54:00:00:00:01", {});
  await done("POST", "/sites/lab/machines/52:54:00:00:00:01/arm", { profile: "p" });
  const { token } = await done("POST", "/sites/lab/boot-tokens", {});
  const script = await request("GET", `/s/${token}/boot/52-54-00-00-00-01/script.ipxe`);
  const direct = /kernel --name kernel (\S+)/.exec(script.text)![1]!;
  return { direct, relayed: direct.slice(`/s/${token}`.length) };
}

async function putWith(bindings: object, name: string, image: object): Promise<Response> {
  const headers = { authorization: `Bearer ${env.ADMIN_TOKEN}` };
  return await fetchWith(bindings, `/api/v1/images/${name}`, {
    method: "PUT",
    headers,
    body: JSON.stringify(image),
  });
}

describe("redirect delivery", () => {
  async function redirecting() {
    const { files } = await done("GET", "/images/debian-12");
    return { delivery: "redirect", files: { linux: { sha256: files.linux.sha256 } } };
  }

  test("a machine without a relay is sent to the bucket, HEAD and relays are answered here", async () => {
    expect((await putWith(S3, "far", await redirecting())).status).toBe(201);
    const { direct, relayed } = await kernelUrls("far");
    const reply = await fetchWith(S3, direct, { redirect: "manual" });
    expect(reply.status).toBe(302);
    expect(reply.headers.get("cache-control")).toContain("no-store");
    const location = new URL(reply.headers.get("location")!);
    expect(location.origin + location.pathname).toMatch(
      /^https:\/\/account\.r2\.example\.com\/pxedge-images\/files\/[0-9a-f]{16}$/,
    );
    expect(Object.fromEntries(location.searchParams)).toMatchObject({
      "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
      "X-Amz-Expires": "3600",
      "X-Amz-SignedHeaders": "host",
      "X-Amz-Date": expect.stringMatching(/^\d{8}T\d{6}Z$/),
      "X-Amz-Signature": expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(location.href).not.toContain("secret-canary");

    const head = await fetchWith(S3, direct, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "3000"]);
    const headers = { authorization: `Bearer ${relay.credential}` };
    expect((await fetchWith(S3, relayed, { headers })).status).toBe(200);
    expect((await fetchWith(S3, `${direct}0`, { redirect: "manual" })).status).toBe(404);
  });

  test("without access to the bucket such an image is refused", async () => {
    const reply = await putWith({}, "far", await redirecting());
    expect([reply.status, await reply.text()]).toEqual([422, expect.stringContaining("S3_BUCKET_URL")]);
  });
});

describe("images that live elsewhere", () => {
  const ORIGIN = "https://mirror.example.org";
  const bytes = new Uint8Array(4000).map((_, i) => i % 251);
  const replies = new Map<string, () => Response>();
  const asked: Request[] = [];

  beforeEach(() => {
    replies.clear();
    asked.length = 0;
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
      asked.push(new Request(url, init));
      return replies.get(url)?.() ?? new Response("none", { status: 404 });
    });
  });
  afterEach(() => vi.unstubAllGlobals());

  async function upstreamKernel(more: object = {}): Promise<string> {
    const file = { url: `${ORIGIN}/linux`, sha256: await sha256Of(bytes), sizeBytes: bytes.length, ...more };
    const inPlace = replies.get(file.url);
    replies.set(file.url, () => new Response(bytes));
    await done("PUT", "/images/mirrored", { origins: [ORIGIN], files: { linux: file } });
    if (inPlace !== undefined) replies.set(file.url, inPlace);
    asked.length = 0;
    return (await kernelUrls("mirrored")).direct;
  }

  test("a file is streamed from there, whole or in part", async () => {
    replies.set(`${ORIGIN}/linux`, () => {
      const range = asked.at(-1)!.headers.get("range");
      return range === null
        ? new Response(bytes)
        : new Response(bytes.slice(10, 20), {
            status: 206,
            headers: { "content-range": "bytes 10-19/4000" },
          });
    });
    const url = await upstreamKernel();
    const whole = await fetchWith({}, url, {});
    expect(new Uint8Array(await whole.arrayBuffer())).toEqual(bytes);
    const part = await fetchWith({}, url, { headers: { range: "bytes=10-19" } });
    expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 10-19/4000"]);
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(bytes.slice(10, 20));
    expect(asked[1]!.headers.get("range")).toBe("bytes=10-19");
    expect((await fetchWith({}, url, { method: "HEAD" })).headers.get("content-length")).toBe("4000");
    expect(asked).toHaveLength(2);
  });

  test("a PUT reads a file once, through redirects, and relays get the hash of each MiB", async () => {
    const large = new Uint8Array((1 << 20) + 5).map((_, i) => i % 249);
    const sha256 = await sha256Of(large);
    replies.set(
      `${ORIGIN}/initrd`,
      () => new Response(null, { status: 302, headers: { location: "/pool" } }),
    );
    replies.set(`${ORIGIN}/pool`, () => new Response(large));
    const image = {
      origins: [ORIGIN],
      files: { initrd: { url: `${ORIGIN}/initrd`, sha256, sizeBytes: large.length } },
    };
    const { revision } = await done("PUT", "/images/mirrored", image);
    expect(asked.map(({ url }) => url)).toEqual([`${ORIGIN}/initrd`, `${ORIGIN}/pool`]);
    const manifest = await request("GET", `/relay/v1/images/${revision}`, { token: relay.credential });
    const chunks = [await sha256Of(large.slice(0, 1 << 20)), await sha256Of(large.slice(1 << 20))];
    expect(manifest.json.files.initrd).toEqual({ sizeBytes: large.length, sha256, chunks });
    // What was read is not read again, and the same document is the same revision.
    expect((await done("PUT", "/images/mirrored", image)).revision).toBe(revision);
    expect(asked).toHaveLength(2);
  });

  test("a PUT refuses every file that is not what it is said to be, by path and URL", async () => {
    replies.set(`${ORIGIN}/short`, () => new Response(bytes.slice(1)));
    replies.set(`${ORIGIN}/long`, () => new Response(new Blob([bytes, bytes]).stream()));
    replies.set(`${ORIGIN}/other`, () => new Response(bytes.slice().fill(7)));
    replies.set(`${ORIGIN}/broken`, () => {
      const broken = new ReadableStream({
        pull(controller) {
          controller.error(new Error("reset"));
        },
      });
      return new Response(broken);
    });
    replies.set(
      `${ORIGIN}/elsewhere`,
      () => new Response(null, { status: 302, headers: { location: "https://169.254.169.254/" } }),
    );
    const sha256 = await sha256Of(bytes);
    const names = ["short", "long", "other", "missing", "broken", "elsewhere"];
    const files = Object.fromEntries(
      names.map((name) => [name, { url: `${ORIGIN}/${name}`, sha256, sizeBytes: bytes.length }]),
    );
    const reply = await api("PUT", "/images/wrong", { origins: [ORIGIN], files });
    expect(reply.status).toBe(422);
    const errors = reply.json.errors as { field: string; message: string }[];
    expect(errors.map(({ field }) => field)).toEqual(names.map((name) => `files.${name}.url`));
    const said = errors.map(({ message }) => message.replace(/^https:\S+ /, ""));
    expect(said).toEqual([
      expect.stringMatching(/(sent|has) 3999 bytes, not 4000/),
      "the upstream sends more than 4000 bytes",
      expect.stringMatching(/^the file has the hash [0-9a-f]{64}, not /),
      `${ORIGIN} answered 404, not 200`,
      "the upstream broke off after 0 of 4000 bytes",
      "https://169.254.169.254 is not among the origins of the image",
    ]);
    for (const [i, name] of names.entries()) expect(errors[i]!.message).toContain(`${ORIGIN}/${name}`);
    expect((await api("GET", "/images/wrong")).status).toBe(404);
  });

  test("bytes that are not the manifest's never arrive whole", async () => {
    const url = await upstreamKernel();
    const wrong = bytes.slice();
    wrong[0]! ^= 1;
    replies.set(`${ORIGIN}/linux`, () => new Response(wrong));
    await expect((await fetchWith({}, url, {})).arrayBuffer()).rejects.toThrow(/hash/);
    for (const reply of [
      () => new Response(bytes.slice(1), { headers: { "content-length": "3999" } }),
      () => new Response(null, { status: 500 }),
      () => new Response(bytes, { headers: { "content-encoding": "gzip" } }),
    ]) {
      replies.set(`${ORIGIN}/linux`, reply);
      expect((await fetchWith({}, url, {})).status).toBe(503);
    }
  });

  test("redirects are followed among the image's origins, and never elsewhere", async () => {
    const url = await upstreamKernel();
    const redirectTo = (location: string) => () => new Response(null, { status: 302, headers: { location } });
    replies.set(`${ORIGIN}/pool/linux`, () => new Response(bytes));
    replies.set(`${ORIGIN}/linux`, redirectTo("/pool/linux"));
    expect((await fetchWith({}, url, {})).status).toBe(200);
    for (const target of [
      "http://mirror.example.org/pool/linux",
      "https://other.example.org/linux",
      "https://169.254.169.254/latest/meta-data",
      "https://127.0.0.1/",
      "https://[::1]/",
      "file:///etc/passwd",
      `${ORIGIN}/linux`,
    ]) {
      replies.set(target, () => new Response(bytes));
      replies.set(`${ORIGIN}/linux`, redirectTo(target));
      asked.length = 0;
      expect((await fetchWith({}, url, {})).status, target).toBe(503);
      expect(
        asked.every((each) => new URL(each.url).origin === ORIGIN),
        target,
      ).toBe(true);
    }
  });

  test("origins are public names over HTTPS, and every url is of one", async () => {
    const file = { url: `${ORIGIN}/linux`, sha256: "0".repeat(64), sizeBytes: 1 };
    for (const origin of [
      "http://mirror.example.org",
      "https://mirror.example.org/path",
      "https://192.168.1.1",
      "https://0x7f.1",
      "https://[fd00::1]",
      "https://localhost",
      "https://nas.local",
      "https://metadata.google.internal",
      "mirror.example.org",
    ]) {
      const reply = await putWith({}, "m", { origins: [origin], files: { linux: file } });
      expect([reply.status, await reply.text()], origin).toEqual([
        422,
        expect.stringContaining("origins[0]"),
      ]);
    }
    const reply = await putWith({}, "m", { origins: ["https://other.example.org"], files: { linux: file } });
    expect([reply.status, await reply.text()]).toEqual([422, expect.stringContaining("files.linux.url")]);
  });
});

describe("uploads", () => {
  const FILE = "/images/big/files/dir/disk.img";
  const first = new Uint8Array(5 << 20).fill(1);
  const second = new Uint8Array(99).fill(2);

  async function send(uploadId: string, part: number, bytes: Uint8Array<ArrayBuffer>) {
    const reply = await api("PUT", `${FILE}?uploadId=${uploadId}&part=${part}`, bytes, {
      "content-length": String(bytes.length),
    });
    expect(reply.status, reply.text).toBe(200);
    return reply.json;
  }
  const objects = async () => (await env.IMAGES.list({ prefix: "files/" })).objects.map(({ key }) => key);

  test("one that broke off is found, goes on with what is missing and ends without a list of parts", async () => {
    const { uploadId } = await done("POST", `${FILE}?uploads`);
    await send(uploadId, 2, second);
    const { items } = await done("GET", `${FILE}?uploads`);
    expect(items).toEqual([{ uploadId, startedAt: expect.any(String) }]);
    const there = await done("GET", `${FILE}?uploadId=${uploadId}`);
    expect(there.parts).toEqual([{ part: 2, etag: expect.any(String), sizeBytes: 99 }]);
    await send(uploadId, 1, new Uint8Array(5 << 20));
    await send(uploadId, 1, first);
    const sha256 = await sha256Of(first, second);
    expect((await api("PUT", "/images/big", { files: { "dir/disk.img": { sha256 } } })).status).toBe(422);
    expect(await done("POST", `${FILE}?uploadId=${uploadId}`, { sha256 })).toMatchObject({
      sha256,
      sizeBytes: (5 << 20) + 99,
    });
    expect((await done("GET", `${FILE}?uploads`)).items).toEqual([]);
    expect((await api("GET", `${FILE}?uploadId=${uploadId}`)).status).toBe(404);
  });

  test("the same bytes are stored once, whoever uploads them and under which name", async () => {
    const sha256 = await upload("one", "a", [second]);
    const before = await objects();
    expect(await upload("two", "b", [second])).toBe(sha256);
    expect(await objects()).toEqual(before);
    await done("PUT", "/images/two", { files: { b: { sha256 } } });
  });

  test("one that was assembled but not answered is completed by asking again", async () => {
    const { uploadId } = await done("POST", `${FILE}?uploads`);
    await send(uploadId, 1, second);
    const control = controlObject(env);
    const found = unwrap(await control.getUpload(uploadId, "big", "dir/disk.img"));
    await assembleUpload(env.IMAGES, found, await control.listUploadParts(uploadId));
    const sha256 = await sha256Of(second);
    expect(await done("POST", `${FILE}?uploadId=${uploadId}`, { sha256 })).toMatchObject({ sizeBytes: 99 });
  });

  test("abandoned ones are removed after a week, and one can be given up at once", async () => {
    const before = await objects();
    const begun = await done("POST", `${FILE}?uploads`);
    await send(begun.uploadId, 1, second);
    const control = controlObject(env);
    const abandoned = unwrap(await control.getUpload(begun.uploadId, "big", "dir/disk.img"));
    await assembleUpload(env.IMAGES, abandoned, await control.listUploadParts(begun.uploadId));
    const sixDays = 6 * 86_400_000;
    expect(await runInDurableObject(control, (_, state) => state.storage.getAlarm())).toBeGreaterThan(
      Date.now() + sixDays,
    );
    await runDurableObjectAlarm(control);
    expect((await done("GET", `${FILE}?uploads`)).items).toHaveLength(1);
    await runInDurableObject(control, (_, state) => {
      state.storage.sql.exec("UPDATE uploads SET started_at = started_at - 8 * 86400000");
    });
    const other = await done("POST", `${FILE}?uploads`);
    await runDurableObjectAlarm(control);
    const { items } = await done("GET", `${FILE}?uploads`);
    expect(items.map((item: { uploadId: string }) => item.uploadId)).toEqual([other.uploadId]);
    expect(await objects()).toEqual(before);

    expect((await api("DELETE", `${FILE}?uploadId=${other.uploadId}`)).status).toBe(204);
    expect((await done("GET", `${FILE}?uploads`)).items).toEqual([]);
    const late = await api("PUT", `${FILE}?uploadId=${other.uploadId}&part=1`, second, {
      "content-length": "99",
    });
    expect(late.status).toBe(404);
  });
});

test("an image names all files of a large medium; one that is too large is refused with the limit", async () => {
  const sha256 = await upload("dvd", "one", [new Uint8Array(9).fill(7)]);
  const withFiles = (count: number) => {
    const paths = Array.from(
      { length: count },
      (_, i) => `Packages/a-name-as-long-as-they-are-${i}.x86_64.rpm`,
    );
    return { files: Object.fromEntries(paths.map((path) => [path, { sha256 }])) };
  };
  await done("PUT", "/images/dvd", withFiles(20_000));
  const { files } = await done("GET", "/images/dvd");
  expect(Object.keys(files)).toHaveLength(20_000);
  const tooMany = await api("PUT", "/images/dvd", withFiles(40_000));
  expect(tooMany).toMatchObject({ status: 413, json: { detail: `a body holds at most ${4 << 20} bytes` } });
});
