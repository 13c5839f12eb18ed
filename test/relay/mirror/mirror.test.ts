import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { mayHaveCredentials } from "../../../relay/mirror/origin.ts";
import { ask, deadOrigin, startFakeControlPlane, startRelayHttp } from "../http/fixture.ts";
import { send, startMirrored, type Handle } from "./fixture.ts";
import { eventually } from "../../support/eventually.ts";

/** Answers 304 to who has the tag `"v1"`. */
const sendTagged: Handle = (request, response) => {
  const headers = {
    etag: '"v1"',
    "cache-control": "max-age=0",
    "last-modified": "Sat, 21 Nov 2026 07:00:00 GMT",
  };
  if (request.headers["if-none-match"]?.includes('"v1"'))
    response.writeHead(304, { ...headers, "x-new": "1" }).end();
  else response.writeHead(200, headers).end("content");
};

describe("freshness (RFC 9111 section 4.2)", () => {
  test.each([
    ["max-age", { "cache-control": "max-age=60" }],
    ["s-maxage before max-age", { "cache-control": "max-age=0, s-maxage=60" }],
    ["Expires", { expires: new Date(Date.now() + 60_000).toUTCString(), date: new Date().toUTCString() }],
  ])("%s: the second request is answered from here, with its Age", async (_, headers) => {
    const { origin, get } = await startMirrored(send({ ...headers, "x-own": "1" }));
    expect(await get("/a?x=1")).toMatchObject({ status: 200, body: "content" });
    const hit = await get("/a?x=1");
    expect(hit).toMatchObject({
      status: 200,
      body: "content",
      headers: { "x-own": "1", "content-length": "7" },
    });
    expect(hit.headers["age"]).toMatch(/^\d+$/);
    expect(hit.headers["cache-status"]).toBe("pxedge; hit");
    expect(origin.asked.map(({ url }) => url)).toEqual(["/root/a?x=1"]);
  });

  test.each([
    ["no-store", { "cache-control": "no-store, max-age=60" }],
    ["private", { "cache-control": "private, max-age=60" }],
    ["an Age beyond max-age", { "cache-control": "max-age=60", age: "100" }],
    ["Vary: *", { "cache-control": "max-age=60", vary: "*" }],
    ["another address", { "cache-control": "max-age=0" }],
  ])("%s: the origin is asked again", async (_, headers) => {
    const { origin, get } = await startMirrored(send(headers));
    await get("/a");
    expect((await get("/a")).body).toBe("content");
    expect(origin.asked).toHaveLength(2);
  });

  test.each([["no-cache"], ["max-age=0"]])("a client's Cache-Control: %s asks the origin", async (value) => {
    const { origin, get } = await startMirrored(send({ "cache-control": "max-age=60", etag: '"v1"' }));
    await get("/dists/InRelease");
    await get("/dists/InRelease", { "cache-control": value });
    expect(origin.asked).toHaveLength(2);
  });

  test("only-if-cached gets what is here, or 504", async () => {
    const { origin, get } = await startMirrored(send({ "cache-control": "max-age=60" }));
    expect((await get("/a", { "cache-control": "only-if-cached" })).status).toBe(504);
    await get("/a");
    expect((await get("/a", { "cache-control": "only-if-cached" })).status).toBe(200);
    expect(origin.asked).toHaveLength(1);
  });

  test.each([
    "/pool/main/b/bash/bash_5.2-1_amd64.deb",
    "/dists/bookworm/main/binary-amd64/by-hash/SHA256/00ff",
    "/Packages/b/bash-5.2-1.x86_64.rpm",
    `/repodata/${"0".repeat(64)}-primary.xml.gz`,
  ])("%s never changes: kept long, whatever is said of it", async (path) => {
    const { origin, get } = await startMirrored(send({ "cache-control": "max-age=0" }));
    await get(path);
    expect((await get(path, { "cache-control": "max-age=0" })).body).toBe("content");
    expect(origin.asked).toHaveLength(1);
  });

  test("so are those that the operator names", async () => {
    const { origin, get, mirrors } = await startMirrored(send({ "cache-control": "max-age=0" }));
    mirrors.m.immutable.push("/isos/**" as never, "/a*.img" as never);
    for (const path of ["/isos/12/x.iso", "/abc.img", "/isos", "/a/b.img", "/xabc.img", "/abc-img"]) {
      await get(path);
      await get(path);
    }
    expect(origin.asked.map(({ url }) => url?.slice("/root".length))).toEqual([
      ...["/isos/12/x.iso", "/abc.img", "/isos", "/isos", "/a/b.img", "/a/b.img"],
      ...["/xabc.img", "/xabc.img", "/abc-img", "/abc-img"],
    ]);
  });

  test("but not where the origin forbids it", async () => {
    const { origin, get } = await startMirrored(send({ "cache-control": "no-store" }));
    await get("/pool/a.deb");
    await get("/pool/a.deb");
    expect(origin.asked).toHaveLength(2);
  });
});

describe("validation (section 4.3)", () => {
  test("what is stale is asked for by its tag and date; a 304 renews it and its headers", async () => {
    const { origin, get } = await startMirrored(sendTagged);
    await get("/a");
    const second = await get("/a");
    expect(second).toMatchObject({ status: 200, body: "content", headers: { "x-new": "1" } });
    expect(origin.asked[1]!.headers["if-none-match"]).toBe('"v1"');
    expect(origin.asked[1]!.headers["if-modified-since"]).toBe("Sat, 21 Nov 2026 07:00:00 GMT");
  });

  test("a changed file replaces what was kept", async () => {
    const { origin, get, relay } = await startMirrored(sendTagged);
    await get("/a");
    origin.handle = send({ etag: '"v2"', "cache-control": "max-age=60" }, "new content");
    expect((await get("/a")).body).toBe("new content");
    expect((await get("/a")).body).toBe("new content");
    expect(origin.asked).toHaveLength(2);
    expect(await readdir(join(relay.lastGoodDir, "mirror/bodies"))).toHaveLength(1);
  });

  test("one that may no longer be kept takes what was kept away", async () => {
    const { origin, get, relay } = await startMirrored(sendTagged);
    await get("/a");
    origin.handle = send({ "cache-control": "no-store" }, "secret");
    expect((await get("/a")).body).toBe("secret");
    expect(await readdir(join(relay.lastGoodDir, "mirror/bodies"))).toEqual([]);
  });

  test("clients' own conditions are answered here", async () => {
    const { origin, get } = await startMirrored(
      send({ etag: '"v1"', "cache-control": "max-age=60", "last-modified": "Sat, 21 Nov 2026 07:00:00 GMT" }),
    );
    await get("/a", { "if-none-match": '"v1"' });
    expect(origin.asked[0]!.headers).not.toHaveProperty("if-none-match");
    expect(await get("/a", { "if-none-match": 'W/"v1"' })).toMatchObject({
      status: 304,
      body: "",
      headers: { etag: '"v1"' },
    });
    expect((await get("/a", { "if-modified-since": "Sat, 21 Nov 2026 08:00:00 GMT" })).status).toBe(304);
    expect((await get("/a", { "if-none-match": '"v0"' })).status).toBe(200);
    expect((await get("/a", { "if-match": '"v0"' })).status).toBe(412);
    expect(origin.asked).toHaveLength(1);
  });
});

describe("Vary (section 4.1)", () => {
  test("each selection has its own answer, and both are kept", async () => {
    const { origin, get } = await startMirrored(
      (request, response) =>
        void response
          .writeHead(200, { vary: "Accept-Language", "cache-control": "max-age=60" })
          .end(`in ${request.headers["accept-language"] ?? "any language"}`),
    );
    for (let times = 0; times < 2; times++) {
      expect((await get("/a", { "accept-language": "de" })).body).toBe("in de");
      expect((await get("/a", { "accept-language": "en" })).body).toBe("in en");
      expect((await get("/a")).body).toBe("in any language");
    }
    expect(origin.asked).toHaveLength(3);
  });
});

describe("when the origin fails (section 4.2.4, RFC 5861)", () => {
  test.each(["a 503", "a broken connection"])("%s: what is stale is better than nothing", async (kind) => {
    const { origin, get } = await startMirrored(sendTagged);
    await get("/a");
    origin.handle = (request, response) =>
      kind === "a 503" ? void response.writeHead(503).end() : void request.socket.destroy();
    const stale = await get("/a");
    expect(stale).toMatchObject({ status: 200, body: "content" });
    expect(stale.headers["cache-status"]).toBe("pxedge; hit; ttl=-1");
  });

  test.each(["must-revalidate", "proxy-revalidate", "no-cache", "stale-if-error=0", "s-maxage=0"])(
    "not where the origin says %s",
    async (directive) => {
      const { origin, get } = await startMirrored(
        send({ etag: '"v1"', age: "1", "cache-control": `max-age=0, ${directive}` }),
      );
      await get("/a");
      origin.handle = (request) => void request.socket.destroy();
      expect((await get("/a")).status).toBe(504);
    },
  );

  test.each(["101 Switching Protocols", "099 Odd"])(
    "that is none, %s: 504, and asked for again",
    async (status) => {
      const { origin, get } = await startMirrored((request) => {
        request.socket.write(`HTTP/1.1 ${status}\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`);
      });
      expect((await get("/a")).status).toBe(504);
      origin.handle = send({ "cache-control": "max-age=60" });
      expect((await get("/a")).body).toBe("content");
    },
  );

  test("nothing known: 504; what breaks off in the middle is cut, and not kept", async () => {
    const { origin, get, relay } = await startMirrored((request) => void request.socket.destroy());
    expect((await get("/a")).status).toBe(504);
    origin.handle = (_request, response) => {
      response.writeHead(200, { "content-length": 100, "cache-control": "max-age=60" });
      response.write("some", () => setTimeout(() => response.destroy(), 200));
    };
    await expect(get("/a")).rejects.toThrow("aborted");
    await eventually(async () => expect(await readdir(join(relay.lastGoodDir, "mirror/bodies"))).toEqual([]));
    origin.handle = send({ "cache-control": "max-age=60" });
    expect((await get("/a")).body).toBe("content");
  });

  test("what is not there is remembered for a minute", async () => {
    const { origin, get } = await startMirrored(send({}, "no such file", 404));
    for (let times = 0; times < 3; times++)
      expect(await get("/a")).toMatchObject({ status: 404, body: "no such file" });
    expect(origin.asked).toHaveLength(1);
    origin.handle = send({}, "broken", 500);
    for (let times = 0; times < 2; times++) expect((await get("/b")).status).toBe(500);
    expect(origin.asked).toHaveLength(3);
  });
});

describe("parts and HEAD", () => {
  const LONG = "0123456789".repeat(10_000);

  test("a part is served from the whole, cold and warm, which is fetched once", async () => {
    const { origin, get } = await startMirrored(
      send({ etag: '"v1"', "cache-control": "max-age=60", "content-length": "100000" }, LONG),
    );
    for (const range of ["bytes=50005-50009", "bytes=-5", "bytes=99995-"]) {
      expect(await get("/a.deb", { range })).toMatchObject({ status: 206, body: "56789" });
    }
    expect(await get("/a.deb", { range: "bytes=100000-" })).toMatchObject({
      status: 416,
      headers: { "content-range": "bytes */100000" },
    });
    expect((await get("/a.deb", { range: "bytes=0-4", "if-range": '"v0"' })).body).toBe(LONG);
    expect((await get("/a.deb", { range: "bytes=0-4", "if-range": '"v1"' })).body).toBe("01234");
    expect(origin.asked).toHaveLength(1);
    expect(origin.asked[0]!.headers).not.toHaveProperty("range");
  });

  test("HEAD is GET without its body, and fetches the file for whoever GETs it next", async () => {
    const { origin, get } = await startMirrored(send({ "cache-control": "max-age=60" }, LONG));
    expect(await get("/a", {}, "HEAD")).toMatchObject({
      status: 200,
      body: "",
      headers: { "content-length": "100000" },
    });
    expect((await get("/a")).body).toBe(LONG);
    expect(origin.asked.map(({ method }) => method)).toEqual(["GET"]);
  });
});

describe("many who ask", () => {
  test("one download for all, and the first bytes reach everybody before the last are sent", async () => {
    let finish = (): void => undefined;
    const { origin, get } = await startMirrored((_request, response) => {
      response.writeHead(200, { "content-length": 8, "cache-control": "max-age=60" });
      response.write("half");
      finish = () => response.end("done");
    });
    const part = await get("/a.deb", { range: "bytes=0-3" });
    expect(part.body).toBe("half");
    const all = Promise.all(Array.from({ length: 20 }, () => get("/a.deb")));
    await new Promise((resolve) => setTimeout(resolve, 100));
    finish();
    expect((await all).every(({ body }) => body === "halfdone")).toBe(true);
    expect(origin.asked).toHaveLength(1);
  });

  test("what may not be kept is fetched for each", async () => {
    let n = 0;
    const { get } = await startMirrored((_request, response) => {
      setTimeout(() => response.writeHead(200, { "cache-control": "no-store" }).end(`answer ${n++}`), 100);
    });
    const answers = await Promise.all(Array.from({ length: 5 }, () => get("/a")));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(5);
  });

  test("who the client is does not get there, but what it shows the mirror does", async () => {
    const { origin, get } = await startMirrored(send({}));
    await get("/a", {
      cookie: "a=b",
      authorization: "Basic x",
      "x-forwarded-for": "10.0.0.1",
      "user-agent": "apt",
    });
    const { headers } = origin.asked[0]!;
    expect(Object.keys(headers).sort()).toEqual(["authorization", "connection", "host", "user-agent", "via"]);
  });
});

describe("the disk", () => {
  test("what is kept survives a restart", async () => {
    const first = await startMirrored(send({ "cache-control": "max-age=60" }));
    await first.get("/a");
    await eventually(async () =>
      expect(await readdir(join(first.relay.lastGoodDir, "mirror/bodies"))).toHaveLength(1),
    );
    const second = await startRelayHttp(await deadOrigin(), {
      mirrors: first.mirrors,
      lastGoodDir: first.relay.lastGoodDir,
    });
    expect((await ask(`${second.url}/mirror/m/a`)).body).toBe("content");
    expect(first.origin.asked).toHaveLength(1);
  });

  test("it is bounded: what was used least recently goes; what is too large is not kept", async () => {
    const big = Buffer.alloc(100_000, "x");
    const { origin, get } = await startMirrored(
      (request, response) =>
        void response
          .writeHead(200, {
            "cache-control": "max-age=60",
            ...(request.url!.includes("measured") && { "content-length": 300_000 }),
          })
          .end(request.url!.includes("huge") ? Buffer.alloc(300_000) : big),
      { mirrorBytes: 800_000 },
    );
    for (let n = 0; n < 10; n++) await get(`/${n}`);
    await get("/9");
    expect(origin.asked).toHaveLength(10);
    await get("/0");
    expect(origin.asked).toHaveLength(11);
    for (let times = 0; times < 2; times++) expect((await get("/huge-measured")).body).toHaveLength(300_000);
    expect(origin.asked).toHaveLength(13);
    // Without a length, it is known after the first time only.
    expect((await get("/huge")).status).toBe(502);
    await eventually(async () => expect((await get("/huge")).body).toHaveLength(300_000));
  });
});

describe("where a mirror may fetch from", () => {
  test("a redirect is followed to where the list allows, and nowhere else", async () => {
    const other = await startFakeControlPlane(send({ "cache-control": "max-age=60" }, "from elsewhere"));
    const { host } = new URL(other);
    const { origin, get, mirrors } = await startMirrored(send({ location: `${other}/x` }, "", 302));
    // Not on the list.
    expect(await get("/a")).toMatchObject({
      status: 502,
      body: expect.stringContaining("not on the mirror's list"),
    });
    // On the list, but of this very network.
    mirrors.m.redirects.push(host as never);
    expect(await get("/b")).toMatchObject({ status: 502, body: expect.stringContaining("private address") });
    // The upstream itself may have any address.
    origin.handle = (request, response) =>
      request.url === "/root/c"
        ? void response.writeHead(301, { location: "/d" }).end()
        : void response.end("d");
    expect((await get("/c")).body).toBe("d");
  });

  test.each([
    ["https://m.example/x", true],
    ["https://m.example:444/x", false],
    ["https://other.example/x", false],
    ["http://m.example/x", false],
  ])("a client's credentials for https://m.example go to %s: %s", (url, expected) => {
    expect(mayHaveCredentials(new URL(url), new URL("https://m.example/root"))).toBe(expected);
  });

  test.each(["/loop", "ftp://mirror.example/x", "http://[::1]/x", "http://10.0.0.1/x"])(
    "a redirect to %s ends in a 502",
    async (location) => {
      const { get } = await startMirrored(
        (_request, response) => void response.writeHead(302, { location }).end(),
      );
      expect((await get("/a")).status).toBe(502);
    },
  );

  test.each([
    "/mirror/other/a",
    "/mirror/m",
    "/mirror/",
    "/mirror/m/../x",
    "/mirror/m/%2e%2e/x",
    "/mirror/constructor/x",
  ])("%s is nothing", async (path) => {
    const { origin, relay } = await startMirrored(send({}));
    expect((await ask(relay.url + path)).status).toBe(404);
    expect(origin.asked).toEqual([]);
  });

  test("a large file passes in pieces: a client that reads slowly does not fill the memory", async () => {
    const size = 64 * 1024 * 1024;
    const { relay } = await startMirrored(
      (_request, response) => {
        response.writeHead(200, { "content-length": size, "cache-control": "max-age=60" });
        void (async () => {
          const chunk = Buffer.alloc(1024 * 1024);
          for (let sent = 0; sent < size; sent += chunk.length) {
            if (!response.write(chunk)) await once(response, "drain");
          }
          response.end();
        })();
      },
      { mirrorBytes: 1024 * 1024 * 1024 },
    );
    const before = process.memoryUsage().rss;
    const bodies = await Promise.all(
      Array.from({ length: 4 }, async () => {
        let bytes = 0;
        for await (const chunk of (await fetch(`${relay.url}/mirror/m/big.deb`)).body!) bytes += chunk.length;
        return bytes;
      }),
    );
    expect(bodies).toEqual([size, size, size, size]);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });
});
