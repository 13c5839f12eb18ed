import { once } from "node:events";
import { chmod, readdir, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { addFile, MIB, patterned, send, sha256 } from "./fake-origin.ts";
import { download, makeStateDir, startCache, startFakeOrigin } from "./fixture.ts";
import { eventually } from "../../support/eventually.ts";

/** What a request brings until its end, or its cut. */
async function receive(url: string): Promise<{ status: number; bytes: Buffer; isCut: boolean }> {
  const request = httpRequest(url, { agent: false }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const pieces: Buffer[] = [];
  let isCut = false;
  try {
    for await (const piece of response) pieces.push(piece as Buffer);
  } catch {
    isCut = true;
  }
  return { status: response.statusCode!, bytes: Buffer.concat(pieces), isCut };
}

const objects = (stateDir: string): Promise<string[]> => readdir(join(stateDir, "cache/objects"));

describe("an origin that breaks off", () => {
  test("is asked for the rest by Range and If-Range; no byte comes twice", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(5 * MIB));
    let cuts = 0;
    const ifRange: unknown[] = [];
    relay.origin.interfere = (request, response, body) => {
      ifRange.push(request.headers["if-range"]);
      if (cuts++ >= 3) return false;
      response.writeHead(request.headers.range === undefined ? 200 : 206, {
        "content-length": body.length,
        ...(request.headers.range !== undefined && {
          "content-range": `bytes ${bytes.length - body.length}-${bytes.length - 1}/${bytes.length}`,
        }),
      });
      void send(relay.origin, response, body.subarray(0, 1_234_567)).then(() => response.destroy());
      return true;
    };
    const { body } = await download(await relay.sign("linux"));
    expect(body.equals(bytes)).toBe(true);
    const tag = `"${sha256(bytes)}"`;
    expect(ifRange).toEqual([undefined, tag, tag, tag]);
    // What was under way when it was cut may be lost, and no more.
    expect(relay.cache.stats().originBytes).toBe(bytes.length);
  });

  test("speaks another protocol all at once: it is asked again", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(2 * MIB));
    let first = true;
    relay.origin.interfere = (request) => {
      if (!first) return false;
      first = false;
      request.socket.write("HTTP/1.1 101 Other\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
      return true;
    };
    expect((await download(await relay.sign("linux"))).body.equals(bytes)).toBe(true);
  });

  test("ends early without a word: the rest is asked for", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(2 * MIB));
    let first = true;
    relay.origin.interfere = (_request, response, body) => {
      if (!first) return false;
      first = false;
      response.writeHead(200);
      response.end(body.subarray(0, 700_000));
      return true;
    };
    expect((await download(await relay.sign("linux"))).body.equals(bytes)).toBe(true);
    expect(relay.origin.requests[1]).toEqual({ path: "linux", range: `bytes=700000-${2 * MIB - 1}` });
  });

  test("and comes back: who waits in mid-file gets the rest", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(3 * MIB));
    let down = false;
    relay.origin.interfere = (_request, response, body) => {
      if (down) {
        response.destroy();
        return true;
      }
      down = true;
      setTimeout(() => (down = false), 700);
      response.writeHead(200, { "content-length": body.length });
      void send(relay.origin, response, body.subarray(0, MIB + 10)).then(() => response.destroy());
      relay.origin.interfere = (_again, later) => down && (later.destroy(), true);
      return true;
    };
    expect((await download(await relay.sign("linux"))).body.equals(bytes)).toBe(true);
  });
});

describe("an origin that lies", () => {
  test("one flipped byte in the first chunk: fetched once more, then 502, and nothing is kept", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(3 * MIB));
    const flipped = Buffer.from(bytes);
    flipped[77]! ^= 1;
    relay.origin.files.set("linux", flipped);
    const answer = await receive(await relay.sign("linux"));
    expect(answer.status).toBe(502);
    expect(relay.origin.requests).toHaveLength(2);
    expect(relay.events).toContainEqual(
      expect.objectContaining({ name: "rejected", detail: expect.objectContaining({ path: "linux" }) }),
    );
    // Once the origin is mended, the file is right.
    relay.origin.files.set("linux", bytes);
    expect((await download(await relay.sign("linux"))).body.equals(bytes)).toBe(true);
  });

  test("one flipped byte further on: what came before is right, then the connection is cut", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(3 * MIB));
    const flipped = Buffer.from(bytes);
    flipped[2 * MIB + 5]! ^= 0x80;
    relay.origin.files.set("linux", flipped);
    const answer = await receive(await relay.sign("linux"));
    expect(answer.isCut).toBe(true);
    expect(answer.bytes.equals(bytes.subarray(0, answer.bytes.length))).toBe(true);
    expect(answer.bytes.length).toBeLessThanOrEqual(2 * MIB);
    expect(await objects(relay.stateDir)).toEqual([`${sha256(bytes)}.part`]);
    const kept = await readFile(join(relay.stateDir, "cache/objects", `${sha256(bytes)}.part`));
    expect(kept.equals(bytes.subarray(0, kept.length))).toBe(true);
  });

  test("a byte that was flipped on the way only once is fetched anew, unseen by the client", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(3 * MIB));
    let first = true;
    relay.origin.interfere = (_request, response, body) => {
      if (!first) return false;
      first = false;
      const flipped = Buffer.from(body);
      flipped[MIB + 1]! ^= 1;
      response.writeHead(200, { "content-length": body.length }).end(flipped);
      return true;
    };
    expect((await download(await relay.sign("linux"))).body.equals(bytes)).toBe(true);
    expect(relay.origin.requests[1]).toEqual({ path: "linux", range: `bytes=${MIB}-${3 * MIB - 1}` });
  });

  test.each([
    ["a shorter length", { "content-length": "1000" }, 200],
    ["a longer length", { "content-length": "9999999" }, 200],
    ["an encoding", { "content-encoding": "gzip" }, 200],
    ["a part of something", { "content-range": "bytes 0-9/10" }, 206],
    ["not modified", {}, 304],
    ["a redirect that leads back to itself", { location: "/" }, 302],
  ])("%s → 502, and nothing is kept", async (_, headers, status) => {
    const relay = await startCache();
    addFile(relay.origin, "linux", patterned(2 * MIB));
    relay.origin.interfere = (_request, response) => {
      response.writeHead(status, headers).end(status === 304 ? undefined : "<html>log in</html>");
      return true;
    };
    expect((await receive(await relay.sign("linux"))).status).toBe(502);
    for (const name of await objects(relay.stateDir)) {
      expect((await stat(join(relay.stateDir, "cache/objects", name))).size).toBe(0);
    }
  });

  test("more bytes than announced are not believed", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(MIB));
    relay.origin.interfere = (_request, response, body) => {
      response.writeHead(200);
      response.write(body);
      response.end("and more");
      return true;
    };
    const answer = await receive(await relay.sign("linux"));
    if (answer.status === 200) expect(answer.bytes.equals(bytes)).toBe(true);
    else expect(answer.status).toBe(502);
  });

  test("a file that the origin does not have is the one 404", async () => {
    const relay = await startCache();
    addFile(relay.origin, "linux", patterned(MIB));
    relay.origin.files.delete("linux");
    const gone = await receive(await relay.sign("linux"));
    const bad = await receive(`${await relay.sign("linux")}x`);
    expect(gone.status).toBe(404);
    expect(gone.bytes.equals(bad.bytes)).toBe(true);
  });
});

describe("a file of which only the whole's hash is known", () => {
  test("is served once all of it was right, whole and in part", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(3 * MIB + 7), false);
    const url = await relay.sign("linux");
    const [whole, part] = await Promise.all([download(url), download(url, { range: "bytes=5-2000000" })]);
    expect(whole.body.equals(bytes)).toBe(true);
    expect(part.body.equals(bytes.subarray(5, 2_000_001))).toBe(true);
    expect(relay.origin.sentBytes).toBe(bytes.length);
    expect(await objects(relay.stateDir)).toEqual([sha256(bytes)]);
  });

  test("is 502 without a byte when it is wrong twice", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(3 * MIB), false);
    const flipped = Buffer.from(bytes);
    flipped[3 * MIB - 1]! ^= 1;
    relay.origin.files.set("linux", flipped);
    expect((await receive(await relay.sign("linux"))).status).toBe(502);
    expect(relay.origin.requests).toHaveLength(2);
    expect(await objects(relay.stateDir)).not.toContain(sha256(bytes));
  });

  test("is verified anew after a restart, and fetched anew when it has rotted", async () => {
    const origin = await startFakeOrigin();
    const stateDir = await makeStateDir();
    const bytes = addFile(origin, "linux", patterned(2 * MIB + 7), false);
    const first = await startCache({ origin, stateDir });
    await download(await first.sign("linux"));
    await first.cache.stop();
    const file = join(stateDir, "cache/objects", sha256(bytes));
    const rotten = await readFile(file);
    rotten[MIB]! ^= 4;
    await writeFile(file, rotten);
    const second = await startCache({ origin, stateDir });
    expect((await download(await second.sign("linux"))).body.equals(bytes)).toBe(true);
    expect(origin.requests).toHaveLength(2);
    await second.cache.stop();
    const third = await startCache({ origin, stateDir });
    expect((await download(await third.sign("linux"))).body.equals(bytes)).toBe(true);
    expect(origin.requests).toHaveLength(2);
  });
});

describe("what is on the disk", () => {
  test("a part is resumed after a restart, and verified before it is used", async () => {
    const origin = await startFakeOrigin();
    const stateDir = await makeStateDir();
    const bytes = addFile(origin, "linux", patterned(4 * MIB));
    // As a power cut leaves it: a chunk and a half, one of them torn.
    const first = await startCache({ origin, stateDir });
    await first.cache.stop();
    const part = Buffer.from(bytes.subarray(0, 2.5 * MIB));
    part.fill(0, MIB + 100, MIB + 4096);
    await writeFile(join(stateDir, "cache/objects", `${sha256(bytes)}.part`), part);

    const second = await startCache({ origin, stateDir });
    expect((await download(await second.sign("linux"))).body.equals(bytes)).toBe(true);
    expect(origin.requests).toEqual([{ path: "linux", range: `bytes=${MIB}-${4 * MIB - 1}` }]);
    await eventually(async () => expect(await objects(stateDir)).toEqual([sha256(bytes)]));
  });

  test("a rotten byte of a whole object is found at its first use after a restart", async () => {
    const origin = await startFakeOrigin();
    const stateDir = await makeStateDir();
    const bytes = addFile(origin, "linux", patterned(3 * MIB));
    const first = await startCache({ origin, stateDir });
    await download(await first.sign("linux"));
    await eventually(async () => expect(await objects(stateDir)).toEqual([sha256(bytes)]));
    await first.cache.stop();
    const file = join(stateDir, "cache/objects", sha256(bytes));
    const rotten = await readFile(file);
    rotten[2 * MIB + 1]! ^= 1;
    await writeFile(file, rotten);
    const second = await startCache({ origin, stateDir });
    expect((await download(await second.sign("linux"))).body.equals(bytes)).toBe(true);
    expect(origin.requests.at(-1)).toEqual({ path: "linux", range: `bytes=${2 * MIB}-${3 * MIB - 1}` });
    expect((await readFile(file)).equals(bytes)).toBe(true);
  });

  test("a file that was cut short under us is done without, from that byte on", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(3 * MIB));
    const url = await relay.sign("linux");
    await download(url);
    await eventually(async () => expect(await objects(relay.stateDir)).toEqual([sha256(bytes)]));
    await truncate(join(relay.stateDir, "cache/objects", sha256(bytes)), MIB / 2);
    expect((await download(url)).body.equals(bytes)).toBe(true);
    expect(relay.events).toContainEqual(expect.objectContaining({ name: "uncached" }));
  });

  test("the least recently used give way, also after a restart; what is in use does not", async () => {
    const origin = await startFakeOrigin();
    const stateDir = await makeStateDir();
    const files = ["a", "b", "c", "d"].map((name, i) => addFile(origin, name, patterned(2 * MIB, i + 2)));
    const relay = await startCache({ origin, stateDir, maxBytes: 5 * MIB });
    const get = async (name: string) => download(await relay.sign(name));
    for (const name of ["a", "b", "a", "c"]) await get(name);
    await eventually(async () =>
      expect((await objects(stateDir)).sort()).toEqual([sha256(files[0]!), sha256(files[2]!)].sort()),
    );
    expect(relay.cache.stats()).toMatchObject({ evictions: 1, bytes: 4 * MIB });
    await relay.cache.stop();

    // The order is that of use, not that of the names.
    await utimes(join(stateDir, "cache/objects", sha256(files[0]!)), 1, 1);
    const again = await startCache({ origin, stateDir, maxBytes: 5 * MIB });
    const reader = again.cache.open({ image: "i", revision: "r", path: "c", ...again.origin.manifest["c"]! });
    await reader.read(Buffer.alloc(10), 0, 9);
    await download(await again.sign("d"));
    await eventually(async () =>
      expect((await objects(stateDir)).sort()).toEqual([sha256(files[2]!), sha256(files[3]!)].sort()),
    );
    reader.close();
  });

  test("an object larger than the cache is served, verified, and not kept", async () => {
    const relay = await startCache({ maxBytes: 2 * MIB });
    const bytes = addFile(relay.origin, "big", patterned(5 * MIB));
    const url = await relay.sign("big");
    expect((await download(url)).body.equals(bytes)).toBe(true);
    expect((await download(url, { range: "bytes=3000000-" })).body.equals(bytes.subarray(3_000_000))).toBe(
      true,
    );
    expect(await objects(relay.stateDir)).toEqual([]);
    expect(relay.cache.stats()).toMatchObject({ passed: 2, bytes: 0 });
    expect(relay.events).toContainEqual(expect.objectContaining({ name: "uncached" }));
    const flipped = Buffer.from(bytes);
    flipped[4 * MIB]! ^= 1;
    relay.origin.files.set("big", flipped);
    const answer = await receive(url);
    expect(answer.isCut).toBe(true);
    expect(answer.bytes.equals(bytes.subarray(0, answer.bytes.length))).toBe(true);
  });

  test("a folder that cannot be used: served without, and said", async () => {
    const stateDir = await makeStateDir();
    await writeFile(join(stateDir, "cache"), "a file where a folder should be");
    const relay = await startCache({ stateDir });
    const bytes = addFile(relay.origin, "linux", patterned(2 * MIB));
    expect((await download(await relay.sign("linux"))).body.equals(bytes)).toBe(true);
    expect(relay.events).toMatchObject([{ name: "uncached", mac: null }]);
    await chmod(stateDir, 0o700);
  });
});
