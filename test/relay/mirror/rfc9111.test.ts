import { describe, expect, test } from "vitest";

import { ask } from "../http/fixture.ts";
import { startMirrored, type Handle } from "./fixture.ts";

type Fields = Record<string, string | string[]>;

/** A mirror whose clock stands still until it is told to go on. */
async function startClocked(handle: Handle = () => undefined) {
  const clock = { now: Date.now() };
  const mirrored = await startMirrored(handle, { mirrorNow: () => clock.now });
  /** A date so many seconds away. */
  const at = (seconds: number): string => new Date(clock.now + seconds * 1000).toUTCString();
  const answerWith = (headers: Fields, body = "content", status = 200): void => {
    mirrored.origin.handle = (_request, response) =>
      void response.writeHead(status, { date: at(0), ...headers }).end(body);
  };
  return { ...mirrored, at, answerWith, wait: (seconds: number) => (clock.now += seconds * 1000) };
}

/** How many of two requests, so many seconds apart, reach the origin. */
async function countAsked(
  headers: (at: (seconds: number) => string) => Fields,
  options: { seconds?: number; status?: number; second?: Record<string, string>; path?: string } = {},
): Promise<number> {
  const { seconds = 3, status = 200, second = {}, path = "/file" } = options;
  const { at, answerWith, wait, get, origin } = await startClocked();
  answerWith(headers(at), status === 204 ? "" : "content", status);
  expect((await get(path)).status).toBe(status);
  wait(seconds);
  const again = await get(path, second);
  expect(again.status).toBe(status);
  return origin.asked.length;
}

const cc = (value: string | string[]) => () => ({ "cache-control": value });

describe("freshness (RFC 9111 section 4.2)", () => {
  test.each<[string, (at: (seconds: number) => string) => Fields]>([
    ["max-age", cc("max-age=3600")],
    ["a name in any case", cc("MaX-aGe=3600")],
    ["an argument in quotation marks", cc('max-age="3600"')],
    ["leading zeros", cc("max-age=003600")],
    ["more than 32 bits hold", cc("max-age=99999999999")],
    ["an unknown directive before it", cc("foobar, max-age=3600")],
    ["the first of two", cc("max-age=3600, max-age=1")],
    ["the first of two fields", cc(["max-age=3600", "max-age=1"])],
    ["s-maxage alone", cc("s-maxage=3600")],
    ["s-maxage before a shorter max-age", cc("max-age=1, s-maxage=3600")],
    ["s-maxage before Expires", (at) => ({ "cache-control": "max-age=0, s-maxage=3600", expires: at(-10) })],
    ["max-age before Expires", (at) => ({ "cache-control": "max-age=3600", expires: at(-10) })],
    ["max-age beside an Expires that does not parse", () => ({ "cache-control": "max-age=9", expires: "0" })],
    ["must-revalidate while it is fresh", cc("max-age=3600, must-revalidate")],
    ["proxy-revalidate while it is fresh", cc("max-age=3600, proxy-revalidate")],
    ["Expires", (at) => ({ expires: at(60) })],
    ["Expires beside a Date that does not parse", (at) => ({ expires: at(60), date: "yesterday" })],
    ["a tenth of its age", (at) => ({ "last-modified": at(-86_400) })],
    [
      "Set-Cookie: nobody's, as no cookies get there",
      () => ({ "cache-control": "max-age=60", "set-cookie": "a=b" }),
    ],
    ["Pragma: no-cache beside Cache-Control", () => ({ "cache-control": "max-age=60", pragma: "no-cache" })],
    [
      "no-store, must-understand, for a status that is understood",
      cc("max-age=60, no-store, must-understand"),
    ],
  ])("%s: the second answer comes from here", async (_, headers) => {
    expect(await countAsked(headers)).toBe(1);
  });

  test.each<[string, (at: (seconds: number) => string) => Fields]>([
    ["nothing said", () => ({})],
    ["max-age has passed", cc("max-age=2")],
    ["max-age=0", cc("max-age=0")],
    ["a negative max-age", cc("max-age=-3600")],
    ["letters after the number", cc("max-age=3600a")],
    ["a fraction", cc("max-age=3600.5")],
    ["single quotation marks", cc("max-age='3600'")],
    ["a blank before the =", cc("max-age =3600")],
    ["a blank after the =", cc("max-age= 3600")],
    ["the name in another's argument", cc('extension="max-age=3600", max-age=1')],
    ["the name in another's argument, behind", cc('max-age=1, extension="max-age=3600"')],
    ["a shorter s-maxage", cc("max-age=3600, s-maxage=1")],
    ["a shorter s-maxage in another field", cc(["max-age=3600", "s-maxage=1"])],
    ["max-age=0 before Expires", (at) => ({ "cache-control": "max-age=0", expires: at(60) })],
    ["Expires that has passed", (at) => ({ expires: at(2) })],
    ["Expires before Date, both in the future", (at) => ({ expires: at(300), date: at(400) })],
    ["Expires that does not parse", () => ({ expires: "0" })],
    ["an Age beyond max-age", () => ({ "cache-control": "max-age=3600", age: "7200" })],
    ["an Age beyond Expires and a slow Date", (at) => ({ date: at(-10), expires: at(10), age: "25" })],
    ["an Age beyond Expires and a fast Date", (at) => ({ date: at(10), expires: at(20), age: "15" })],
    ["a Date so long ago", (at) => ({ "cache-control": "max-age=3600", date: at(-7200) })],
    ["an Age that is no number", () => ({ "cache-control": "max-age=3600", age: "abc" })],
    ["a negative Age", () => ({ "cache-control": "max-age=3600", age: "-7200" })],
    ["an Age of parts of a second", () => ({ "cache-control": "max-age=3600", age: "7200.0" })],
    ["two Ages", () => ({ "cache-control": "max-age=3600", age: ["0", "7200"] })],
    ["no-store", cc("no-store, max-age=3600")],
    ["no-store in any case", cc("No-StOrE, max-age=3600")],
    ["private", cc("private, max-age=3600")],
    ["no-cache", cc("no-cache, max-age=3600")],
    ["no-cache in any case", cc("No-CaChE, max-age=3600")],
    ["Pragma: no-cache alone", (at) => ({ expires: at(60), pragma: "no-cache" })],
    ["Vary: *", () => ({ "cache-control": "max-age=60", vary: "*" })],
    ["Vary: *, Foo", () => ({ "cache-control": "max-age=60", vary: "*, foo" })],
    ["Vary: * in the second field", () => ({ "cache-control": "max-age=60", vary: ["", "*"] })],
    ["a tenth of its age has passed", (at) => ({ "last-modified": at(-20) })],
  ])("%s: the origin is asked again", async (_, headers) => {
    expect(await countAsked(headers)).toBe(2);
  });

  test("what is guessed is a minute at most, and never of a list of packages", async () => {
    const old = (at: (seconds: number) => string): Fields => ({ "last-modified": at(-10_000_000) });
    expect(await countAsked(old, { seconds: 59 })).toBe(1);
    expect(await countAsked(old, { seconds: 61 })).toBe(2);
    for (const path of ["/dists/bookworm/InRelease", "/repodata/repomd.xml", "/os/core.db", "/Packages.gz"])
      expect(await countAsked(old, { path })).toBe(2);
  });

  test.each([200, 203, 204, 299, 301, 302, 307, 308, 400, 404, 410, 499, 500, 503, 599])(
    "a %d of which it is said",
    async (status) => {
      expect(await countAsked(cc("max-age=60"), { status })).toBe(1);
      expect(await countAsked(cc("max-age=1"), { status })).toBe(2);
    },
  );

  test.each([
    [201, undefined, 2],
    [202, undefined, 2],
    [403, undefined, 2],
    [502, undefined, 2],
    [599, undefined, 2],
    [599, "public", 1],
    [301, undefined, 1],
    [405, undefined, 1],
    [501, undefined, 1],
  ])("a %d of which only Cache-Control: %s is said", async (status, control, times) => {
    const headers = (at: (seconds: number) => string): Fields => ({
      "last-modified": at(-86_400),
      ...(control !== undefined && { "cache-control": control }),
    });
    expect(await countAsked(headers, { status })).toBe(times);
  });

  test("a status that is not understood, with must-understand", async () => {
    expect(await countAsked(cc("max-age=60, no-store, must-understand"), { status: 599 })).toBe(2);
  });
});

test("what came before the clock was set back is asked for again: nobody knows how old it is", async () => {
  const year = 365 * 86_400;
  expect(await countAsked(cc("max-age=3600"), { seconds: -year })).toBe(2);
  // A package is what it is.
  expect(await countAsked(cc("max-age=3600"), { seconds: -year, path: "/a.deb" })).toBe(1);
  // Clocks are set right by a second or two all the time.
  expect(await countAsked(cc("max-age=3600"), { seconds: -2 })).toBe(1);
});

describe("what clients ask of a cache (section 5.2.1)", () => {
  test.each<[string, Fields, Record<string, string>, number]>([
    ["max-age=0", { "cache-control": "max-age=60" }, { "cache-control": "max-age=0" }, 2],
    [
      "max-age below the age",
      { "cache-control": "max-age=60", age: "30" },
      { "cache-control": "max-age=10" },
      2,
    ],
    ["max-age beyond the age", { "cache-control": "max-age=60" }, { "cache-control": "max-age=10" }, 1],
    [
      "min-fresh that is not left",
      { "cache-control": "max-age=60" },
      { "cache-control": "min-fresh=100" },
      2,
    ],
    ["min-fresh that is left", { "cache-control": "max-age=60" }, { "cache-control": "min-fresh=10" }, 1],
    ["max-stale", { "cache-control": "max-age=1" }, { "cache-control": "max-stale=100" }, 1],
    ["any max-stale", { "cache-control": "max-age=1" }, { "cache-control": "max-stale" }, 1],
    ["max-stale that has passed", { "cache-control": "max-age=1" }, { "cache-control": "max-stale=1" }, 2],
    [
      "max-stale against must-revalidate",
      { "cache-control": "max-age=1, must-revalidate" },
      { "cache-control": "max-stale" },
      2,
    ],
    ["no-cache", { "cache-control": "max-age=60" }, { "cache-control": "no-cache" }, 2],
    ["Pragma: no-cache", { "cache-control": "max-age=60" }, { pragma: "no-cache" }, 2],
    [
      "Pragma: no-cache beside Cache-Control",
      { "cache-control": "max-age=60" },
      { pragma: "no-cache", "cache-control": "x" },
      1,
    ],
    ["Pragma: something", { "cache-control": "max-age=60" }, { pragma: "something" }, 1],
  ])("%s", async (_, headers, second, times) => {
    expect(await countAsked(() => headers, { second })).toBe(times);
  });

  test("no-store: the answer is not kept", async () => {
    const { answerWith, get, origin } = await startClocked();
    answerWith({ "cache-control": "max-age=60" });
    await get("/a", { "cache-control": "no-store" });
    await get("/a");
    expect(origin.asked).toHaveLength(2);
  });
});

describe("what an answer from here says (sections 4 and 5.1)", () => {
  test("its age, and when it was made; the first answer is as it came", async () => {
    const { at, answerWith, wait, get } = await startClocked();
    const made = { date: at(0), expires: at(600), age: "30" };
    answerWith({ ...made, "set-cookie": ["a=b", "c=d"], "x-own": "1" });
    expect((await get("/a")).headers).toMatchObject(made);
    wait(3);
    const { headers } = await get("/a");
    expect(headers).toMatchObject({ ...made, age: "33", "set-cookie": ["a=b", "c=d"], "x-own": "1" });
  });

  test("nothing of the origin's connection, nor what the origin excludes", async () => {
    const { answerWith, get } = await startClocked();
    answerWith({
      "cache-control": 'max-age=60, no-cache="a, B", private="c"',
      connection: "d",
      ...{ a: "1", b: "1", c: "1", d: "1", e: "1" },
      "proxy-authenticate": "Basic",
    });
    expect((await get("/x")).headers).toMatchObject({ a: "1", b: "1", c: "1", e: "1" });
    const { headers } = await get("/x");
    expect(headers["e"]).toBe("1");
    for (const name of ["a", "b", "c", "d", "proxy-authenticate"]) expect(headers).not.toHaveProperty(name);
  });
});

describe("validation (section 4.3)", () => {
  /** Says that a file with the tag `"v1"` or the date still holds. */
  const validate =
    (first: Fields, then: Fields): Handle =>
    (request, response) => {
      const isKnown =
        request.headers["if-none-match"] !== undefined || request.headers["if-modified-since"] !== undefined;
      if (isKnown) response.writeHead(304, then).end();
      else response.writeHead(200, first).end("content");
    };

  test.each([
    ["etag", '"v1"', "if-none-match"],
    ["etag", 'W/"v1"', "if-none-match"],
    ["last-modified", "Sat, 21 Nov 2026 07:00:00 GMT", "if-modified-since"],
  ])("by %s %s", async (name, value, asks) => {
    const { origin, wait, get } = await startClocked(
      validate({ [name]: value, "cache-control": "max-age=1" }, {}),
    );
    await get("/a");
    wait(3);
    expect(await get("/a")).toMatchObject({ status: 200, body: "content" });
    expect(origin.asked[1]!.headers[asks]).toBe(value);
  });

  test("at once, while what came is being made durable", async () => {
    const { origin, get } = await startClocked(validate({ etag: '"v1"', "cache-control": "no-cache" }, {}));
    await get("/a");
    await get("/a");
    expect(origin.asked[1]!.headers["if-none-match"]).toBe('"v1"');
  });

  test.each([
    ["cache-control", "max-age=1", "max-age=60", true],
    ["x-own", "a", "b", true],
    ["content-type", "text/plain", "text/plain;charset=utf-8", true],
    ["content-location", "/a", "/b", true],
    ["set-cookie", "a=b", "a=c", true],
    ["content-encoding", "identity", "other", false],
    ["content-md5", "a", "b", false],
    ["content-range", "a", "b", false],
    ["etag", '"v1"', '"v2"', false],
  ])("a 304's %s", async (name, before, after, isTaken) => {
    const control = { etag: '"v1"', "cache-control": "max-age=1" };
    const { origin, wait, get } = await startClocked(
      validate({ ...control, [name]: before }, { ...control, "cache-control": "max-age=60", [name]: after }),
    );
    await get("/a");
    wait(3);
    for (let times = 0; times < 2; times++) {
      const value = (await get("/a")).headers[name];
      expect(String(value)).toBe(isTaken ? after : before);
    }
    expect(origin.asked).toHaveLength(2);
  });

  test("what a 304 does not name stays, and its age ends", async () => {
    const first = { etag: '"v1"', "x-own": "1", age: "100", "cache-control": "max-age=101" };
    const { at, origin, wait, get } = await startClocked(validate(first, {}));
    await get("/a");
    wait(3);
    origin.handle = validate(first, { etag: '"v1"', date: at(0) });
    expect((await get("/a")).headers).toMatchObject({ "x-own": "1", age: "0" });
  });

  test.each([
    ['"v1"', '"v1"', 304],
    ['"v1"', 'W/"v1"', 304],
    ['W/"v1"', 'W/"v1"', 304],
    ['"v1"', '"v0", "v1", "v2"', 304],
    ['"v1"', "*", 304],
    ['"v1"', '"v0"', 200],
  ])("a file with the tag %s for a client that has %s", async (etag, wanted, status) => {
    const { answerWith, get } = await startClocked();
    answerWith({ etag, "cache-control": "max-age=60" });
    await get("/a");
    expect(await get("/a", { "if-none-match": wanted })).toMatchObject({ status, headers: { etag } });
  });

  test("a tag counts before a date, and dates of any of three forms count", async () => {
    const { answerWith, get } = await startClocked();
    answerWith({
      etag: '"v1"',
      "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT",
      "cache-control": "max-age=60",
    });
    await get("/a");
    const late = "Mon, 07 Nov 1994 08:49:37 GMT";
    expect((await get("/a", { "if-none-match": '"v0"', "if-modified-since": late })).status).toBe(200);
    for (const date of [late, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
      expect((await get("/a", { "if-modified-since": date })).status).toBe(304);
  });
});

describe("Vary (section 4.1)", () => {
  /** Requests with one selection after the other, and which of them reach the origin. */
  test.each<[string, string, Record<string, string>[], number]>([
    ["the same", "Foo", [{ foo: "1" }, { foo: "1" }], 1],
    ["another", "Foo", [{ foo: "1" }, { foo: "2" }], 2],
    ["none, then one", "Foo", [{}, { foo: "1" }], 2],
    ["one, then none", "Foo", [{ foo: "1" }, {}], 2],
    ["both are kept", "Foo", [{ foo: "1" }, { foo: "2" }, { foo: "1" }, { foo: "2" }], 2],
    [
      "what is not named",
      "Foo",
      [
        { foo: "1", bar: "1" },
        { foo: "1", bar: "2" },
      ],
      1,
    ],
    [
      "two of two",
      "Foo, Bar",
      [
        { foo: "1", bar: "2" },
        { foo: "1", bar: "2" },
      ],
      1,
    ],
    [
      "one of two",
      "Foo, Bar",
      [
        { foo: "1", bar: "2" },
        { foo: "1", bar: "3" },
      ],
      2,
    ],
    ["one of two is in neither", "Foo, Bar", [{ foo: "1" }, { foo: "1" }], 1],
    ["blanks in a list", "Foo", [{ foo: "1,2" }, { foo: " 1, 2 " }], 1],
    ["case counts", "Foo", [{ foo: "a" }, { foo: "A" }], 2],
    [
      "languages in another order",
      "Accept-Language",
      [{ "accept-language": "en, de" }, { "accept-language": "De,eN" }],
      1,
    ],
  ])("%s", async (_, vary, requests, times) => {
    const { answerWith, get, origin } = await startClocked();
    answerWith({ vary, "cache-control": "max-age=60" });
    for (const headers of requests) expect((await get("/a", headers)).body).toBe("content");
    expect(origin.asked).toHaveLength(times);
  });

  test("who asks for something else at the same time gets it, and each is fetched once", async () => {
    const { origin, get } = await startClocked((request, response) => {
      setTimeout(() => {
        response.writeHead(200, { vary: "foo", "cache-control": "max-age=60" });
        response.end(`for ${String(request.headers["foo"])}`);
      }, 50);
    });
    const wanted = ["1", "2", "3", "1", "2", "3", "1"];
    const answers = await Promise.all(wanted.map((foo) => get("/a", { foo })));
    expect(answers.map(({ body }) => body)).toEqual(wanted.map((foo) => `for ${foo}`));
    expect(origin.asked).toHaveLength(3);
  });
});

describe("invalidation (section 4.4)", () => {
  test.each(["POST", "PUT", "PATCH", "DELETE", "M-SEARCH"])("a %s that succeeds", async (method) => {
    const { answerWith, get, origin } = await startClocked();
    answerWith({ "cache-control": "max-age=60" });
    await get("/a?x=1");
    expect(await get("/a?x=1", { "content-length": "3" }, method, "abc")).toMatchObject({ status: 200 });
    expect(origin.asked[1]).toMatchObject({ method, url: "/root/a?x=1", headers: { "content-length": "3" } });
    await get("/a?x=1");
    expect(origin.asked).toHaveLength(3);
  });

  test("not one that fails, nor OPTIONS", async () => {
    const { answerWith, get, origin } = await startClocked();
    answerWith({ "cache-control": "max-age=60" });
    await get("/a");
    await get("/a", {}, "OPTIONS");
    answerWith({}, "broken", 500);
    expect((await get("/a", {}, "POST", "abc")).status).toBe(500);
    expect((await get("/a")).body).toBe("content");
    expect(origin.asked).toHaveLength(3);
  });

  test.each(["location", "content-location"])("what %s names of the same mirror", async (name) => {
    const { answerWith, get, origin } = await startClocked();
    answerWith({ "cache-control": "max-age=60" });
    for (const path of ["/a/b", "/a/c", "/other"]) await get(path);
    answerWith({ [name]: `${origin.url}/root/a/c` });
    await get("/a/b", {}, "PUT", "abc");
    answerWith({ [name]: "http://elsewhere.example/root/other" });
    await get("/a/b", {}, "PUT", "abc");
    origin.asked.length = 0;
    for (const path of ["/a/b", "/a/c", "/other"]) await get(path);
    expect(origin.asked.map(({ url }) => url)).toEqual(["/root/a/b", "/root/a/c"]);
  });

  test("what was on its way is not kept", async () => {
    let finish = (): void => undefined;
    const { answerWith, get, origin } = await startClocked((_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" });
      response.write("old ");
      finish = () => response.end("file");
    });
    const slow = get("/a");
    await expect.poll(() => origin.asked).toHaveLength(1);
    answerWith({ "cache-control": "max-age=60" }, "new file");
    await get("/a", {}, "PUT", "abc");
    finish();
    expect((await slow).body).toBe("old file");
    expect((await get("/a")).body).toBe("new file");
  });

  test("a body that is too large, and methods that nobody passes on", async () => {
    const { get, origin, relay } = await startClocked();
    expect((await get("/a", { "content-length": "2000000" }, "PUT")).status).toBe(413);
    expect((await ask(`${relay.url}/mirror/m/a`, { method: "TRACE" })).status).toBe(405);
    expect(origin.asked).toEqual([]);
  });
});

describe("what is stale (section 4.2.4, RFC 5861)", () => {
  test("stale-while-revalidate: given at once, and asked for behind it", async () => {
    const { answerWith, wait, get, origin } = await startClocked();
    answerWith({ "cache-control": "max-age=1, stale-while-revalidate=60" }, "old");
    await get("/a");
    wait(3);
    answerWith({ "cache-control": "max-age=60" }, "new");
    expect((await get("/a")).body).toBe("old");
    await expect.poll(async () => (await get("/a")).body).toBe("new");
    expect(origin.asked).toHaveLength(2);
  });

  test("stale-while-revalidate that has passed", async () => {
    expect(await countAsked(cc("max-age=1, stale-while-revalidate=1"))).toBe(2);
  });

  test.each([
    ["stale-if-error=60", 200],
    ["stale-if-error=1", 500],
    ["must-revalidate", 500],
    ["proxy-revalidate", 500],
    ["s-maxage=1", 500],
    ["no-cache", 500],
    ["x", 200],
  ])("%s, where the origin answers 500: %d", async (control, status) => {
    const { answerWith, wait, get } = await startClocked();
    answerWith({ etag: '"v1"', "cache-control": `max-age=1, ${control}` });
    await get("/a");
    wait(3);
    answerWith({}, "broken", 500);
    expect((await get("/a")).status).toBe(status);
    // What is kept stays, for when the origin is well again.
    answerWith({ "cache-control": "max-age=60" });
    expect((await get("/a")).status).toBe(200);
  });
});

describe("credentials (section 3.5)", () => {
  test.each([
    ["max-age=60", 2],
    ["max-age=60, public", 1],
    ["max-age=60, must-revalidate", 1],
    ["s-maxage=60", 1],
  ])("an answer to them that says %s", async (control, times) => {
    const { answerWith, get, origin } = await startClocked();
    answerWith({ "cache-control": control });
    await get("/a", { authorization: "Basic eA==" });
    expect(origin.asked[0]!.headers.authorization).toBe("Basic eA==");
    await get("/a");
    expect(origin.asked).toHaveLength(times);
  });

  test("a package that was given for them is nobody else's", async () => {
    const { answerWith, get, origin } = await startClocked();
    answerWith({});
    await get("/pool/a.deb", { authorization: "Basic eA==" });
    await get("/pool/a.deb");
    expect(origin.asked).toHaveLength(2);
  });
});

describe("parts (RFC 9110 section 14)", () => {
  test.each([
    ["bytes=0-1", 206, "01"],
    ["bytes=1-", 206, "123456789A"],
    ["bytes=-1", 206, "A"],
    ["bytes=5-3", 200, "0123456789A"],
    ["bytes=0-1,3-4", 200, "0123456789A"],
    ["lines=0-1", 200, "0123456789A"],
    ["bytes=11-", 416, ""],
  ])("%s of what is kept whole", async (range, status, body) => {
    const { answerWith, get, origin } = await startClocked();
    answerWith({ "cache-control": "max-age=60", "x-own": "1" }, "0123456789A");
    await get("/a");
    expect(await get("/a", { range })).toMatchObject({ status, body, headers: { "x-own": "1" } });
    expect(origin.asked).toHaveLength(1);
  });
});
