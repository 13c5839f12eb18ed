import { request as httpRequest } from "node:http";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { addFile, MIB, patterned, sha256 } from "./fake-origin.ts";
import { download, startCache } from "./fixture.ts";
import { eventually } from "../../support/eventually.ts";

describe("one object, many who ask", () => {
  test("cold requests make one origin transfer, and all get the bytes", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(5 * MIB + 123));
    const url = await relay.sign("linux");
    const answers = await Promise.all(Array.from({ length: 20 }, () => download(url)));
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body.equals(bytes)).toBe(true);
    }
    expect(relay.origin.sentBytes).toBe(bytes.length);
    expect(relay.origin.requests).toEqual([{ path: "linux", range: undefined }]);
    expect(relay.cache.stats()).toMatchObject({ originBytes: bytes.length, objects: 1, bytes: bytes.length });
    await eventually(() =>
      expect(relay.events).toMatchObject([
        { mac: null, stage: "http", name: "cached", detail: { path: "linux", bytes: bytes.length } },
      ]),
    );
    expect(await readdir(join(relay.stateDir, "cache/objects"))).toEqual([sha256(bytes)]);

    expect((await download(url)).body.equals(bytes)).toBe(true);
    expect(relay.cache.stats().hits).toBe(1);
    expect(relay.origin.requests).toHaveLength(1);
  });

  test("a follower gets what is here before the rest has come", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "initrd", patterned(4 * MIB));
    const held = Promise.withResolvers<void>();
    relay.origin.interfere = (_request, response, body) => {
      response.writeHead(200, { "content-length": body.length });
      response.write(body.subarray(0, 2 * MIB + 5));
      void held.promise.then(() => response.end(body.subarray(2 * MIB + 5)));
      return true;
    };
    const url = await relay.sign("initrd");
    const whole = download(url);
    await eventually(() => expect(relay.origin.requests).toHaveLength(1));
    const part = await download(url, { range: "bytes=1000-1500000" });
    expect(part.status).toBe(206);
    expect(part.body.equals(bytes.subarray(1000, 1_500_001))).toBe(true);
    held.resolve();
    expect((await whole).body.equals(bytes)).toBe(true);
    expect(relay.origin.requests).toHaveLength(1);
  });

  test("a Range far beyond what is here is fetched from there, and no chunk twice", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "big.iso", patterned(40 * MIB));
    relay.origin.rate = 8 * MIB;
    const url = await relay.sign("big.iso");
    const whole = download(url);
    await eventually(() => expect(relay.origin.sentBytes).toBeGreaterThan(MIB));
    const tail = await download(url, { range: `bytes=${39 * MIB}-` });
    expect(tail.body.equals(bytes.subarray(39 * MIB))).toBe(true);
    expect(relay.origin.sentBytes).toBeLessThan(20 * MIB);
    relay.origin.rate = 0;
    expect((await whole).body.equals(bytes)).toBe(true);
    expect(relay.origin.requests).toEqual([
      { path: "big.iso", range: undefined },
      { path: "big.iso", range: `bytes=${39 * MIB}-${40 * MIB - 1}` },
    ]);
  });

  test("two names of the same bytes are one object", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "a", patterned(3000));
    addFile(relay.origin, "dir/b c", bytes);
    expect((await download(await relay.sign("a"))).body.equals(bytes)).toBe(true);
    expect((await download(await relay.signTree("dir/b%20c"))).body.equals(bytes)).toBe(true);
    expect(relay.origin.requests).toHaveLength(1);
  });

  test("a client that leaves does not take the others' bytes with it", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(6 * MIB));
    relay.origin.rate = 12 * MIB;
    const url = await relay.sign("linux");
    const request = httpRequest(url, { agent: false }).end();
    const [response] = await once(request, "response");
    const other = download(url);
    response.destroy();
    expect((await other).body.equals(bytes)).toBe(true);
    expect(relay.origin.sentBytes).toBe(bytes.length);
  });
});

describe("HTTP", () => {
  test("P33 HEAD is answered here: length, type, tag, and nothing is fetched", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "efi/boot.efi", patterned(2 * MIB));
    const response = await fetch(await relay.sign("efi/boot.efi"), { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-length": String(bytes.length),
      "content-type": "application/efi",
      "accept-ranges": "bytes",
      etag: `"${sha256(bytes)}"`,
      "cache-control": "private, max-age=31536000, immutable, no-transform",
    });
    expect(relay.origin.requests).toEqual([]);
  });

  test.each([
    ["bytes=0-0", 206, 0, 1],
    ["bytes=1048570-1048580", 206, 1048570, 11],
    ["bytes=2097000-", 206, 2097000, 153],
    ["bytes=-100", 206, 2 * MIB + 1 - 100, 100],
    ["bytes=0-99999999", 206, 0, 2 * MIB + 1],
    ["bytes=5-4", 200, 0, 2 * MIB + 1],
    ["bytes=0-1,3-4", 200, 0, 2 * MIB + 1],
    ["bytes=zz", 200, 0, 2 * MIB + 1],
    ["pages=1-2", 200, 0, 2 * MIB + 1],
  ])("Range %s → %i", async (range, status, start, length) => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(2 * MIB + 1));
    const url = await relay.sign("linux");
    for (const round of ["cold", "warm"]) {
      const answer = await download(url, { range });
      expect([round, answer.status]).toEqual([round, status]);
      expect(answer.body.equals(bytes.subarray(start, start + length))).toBe(true);
      if (status === 206) {
        expect(answer.headers.get("content-range")).toBe(
          `bytes ${start}-${start + length - 1}/${bytes.length}`,
        );
      }
    }
  });

  test("a range behind the end is 416, and says how long the file is", async () => {
    const relay = await startCache();
    addFile(relay.origin, "linux", patterned(1000));
    const answer = await download(await relay.sign("linux"), { range: "bytes=1000-" });
    expect(answer.status).toBe(416);
    expect(answer.headers.get("content-range")).toBe("bytes */1000");
  });

  test("conditional requests", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(1000));
    const url = await relay.sign("linux");
    const etag = `"${sha256(bytes)}"`;
    const status = async (headers: Record<string, string>) => (await download(url, headers)).status;
    expect(await status({ "if-none-match": etag })).toBe(304);
    expect(await status({ "if-none-match": '"other"' })).toBe(200);
    expect(await status({ "if-match": etag })).toBe(200);
    expect(await status({ "if-match": '"other"' })).toBe(412);
    expect(await status({ range: "bytes=0-1", "if-range": etag })).toBe(206);
    expect(await status({ range: "bytes=0-1", "if-range": '"other"' })).toBe(200);
    expect(await status({ "if-modified-since": new Date().toUTCString() })).toBe(200);
    expect(relay.origin.requests).toHaveLength(1);
  });

  test("an empty file is 200 without a byte, and asks nobody", async () => {
    const relay = await startCache();
    addFile(relay.origin, ".treeinfo", Buffer.alloc(0));
    const answer = await download(await relay.signTree(".treeinfo"));
    expect([answer.status, answer.body.length]).toEqual([200, 0]);
    expect(relay.origin.requests).toEqual([]);
  });
});
