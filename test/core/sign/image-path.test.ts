import { describe, expect, test } from "vitest";
import { formatHex } from "../../../core/bytes.ts";
import {
  canonicalString,
  signCanonicalString,
  signImagePath,
  verifyImagePath,
} from "../../../core/sign/image-path.ts";
import type { VerifyImagePathOptions } from "../../../core/sign/image-path.ts";
import { deriveSiteKey } from "../../../core/sign/site-key.ts";

const master = Uint8Array.from({ length: 32 }, (_, index) => index);
const grant = { siteId: "site-1", path: "/i/debian-12/3f2a9c/linux", expiresAt: 1_767_225_600 };
const key = await deriveSiteKey(master, grant.siteId);
const signed = await signImagePath({ key, kid: "k1", ...grant });
const query = signed.slice(signed.indexOf("?"));

const verify = (change: Partial<VerifyImagePathOptions> = {}) =>
  verifyImagePath({
    keys: new Map([["k1", key]]),
    siteId: grant.siteId,
    path: grant.path,
    query,
    now: (grant.expiresAt - 10) * 1000,
    ...change,
  });

describe("each stage against a fixed vector", () => {
  test("site key: HKDF-SHA256", () => {
    expect(formatHex(key)).toBe("8d04ded2c3c0f3a6b89701005cf665c8b84b338000ac51b2c397a7d3a10ff37f");
  });

  test("canonical string", () => {
    expect(canonicalString(grant, "k1")).toBe(
      "pxedge-image-v1\nGET\n/i/debian-12/3f2a9c/linux\nsite-1\n1767225600\nk1",
    );
  });

  test("signature: HMAC-SHA256", async () => {
    expect(formatHex(await signCanonicalString(key, canonicalString(grant, "k1")))).toBe(
      "9ebaad8180ffa16a589eca4c658a72e8b9ac15fd1f01145ffa42dc87dbb17488",
    );
  });

  test("path", () => {
    expect(signed).toBe(
      "/i/debian-12/3f2a9c/linux?exp=1767225600&kid=k1&sig=nrqtgYD_oWpYnspMZYpy6LmsFf0fARRf-kLch9uxdIg",
    );
  });
});

test("a signed path is valid, with or without the query's ?", async () => {
  const valid = { kind: "valid", expiresAt: grant.expiresAt };
  expect(await verify()).toEqual(valid);
  expect(await verify({ query: query.slice(1) })).toEqual(valid);
});

test("every mutated byte of path and query is refused", async () => {
  const whole = grant.path + query;
  for (let index = 0; index < whole.length; index++) {
    for (const bit of [1, 2, 32]) {
      const mutated =
        whole.slice(0, index) + String.fromCharCode(whole.charCodeAt(index) ^ bit) + whole.slice(index + 1);
      const at = mutated.indexOf("?");
      const parts =
        at === -1 ? { path: mutated, query: "" } : { path: mutated.slice(0, at), query: mutated.slice(at) };
      expect(await verify(parts), mutated).toMatchObject({ kind: "refused" });
    }
  }
});

test("every truncation and extension is refused", async () => {
  for (let length = 0; length < query.length; length++) {
    expect(await verify({ query: query.slice(0, length) })).toMatchObject({ kind: "refused" });
  }
  expect(await verify({ query: `${query}A` })).toMatchObject({ kind: "refused" });
  expect(await verify({ path: `${grant.path}/x` })).toEqual({ kind: "refused", reason: "bad-signature" });
});

test.each([
  ["a fourth parameter", `${query}&x=1`],
  ["a duplicate", `${query}&kid=k1`],
  ["an empty one", `${query}&`],
  ["a second spelling of exp", query.replace("exp=", "exp=0")],
  ["an escaped spelling of kid", query.replace("kid=k1", "kid=%6b1")],
  ["padding", `${query}=`],
  ["none", ""],
])("query with %s is refused", async (_, changed) => {
  expect(await verify({ query: changed })).toEqual({ kind: "refused", reason: "bad-query" });
});

test("expiry counts with the clock's skew", async () => {
  const at = (seconds: number): number => (grant.expiresAt + seconds) * 1000;
  expect(await verify({ now: at(59) })).toMatchObject({ kind: "valid" });
  expect(await verify({ now: at(60) })).toEqual({ kind: "refused", reason: "expired" });
  expect(await verify({ now: at(0), clockSkewSeconds: 0 })).toEqual({ kind: "refused", reason: "expired" });
  expect(await verify({ now: at(-1), clockSkewSeconds: 0 })).toMatchObject({ kind: "valid" });
});

test("rotation: an old key id works while its key is kept, then no more", async () => {
  const next = await deriveSiteKey(master.toReversed(), grant.siteId);
  const both = new Map([
    ["k1", key],
    ["k2", next],
  ]);
  expect(await verify({ keys: both })).toMatchObject({ kind: "valid" });
  expect(await verify({ keys: new Map([["k2", next]]) })).toEqual({ kind: "refused", reason: "unknown-key" });
  expect(await verify({ keys: new Map([["k1", next]]) })).toEqual({
    kind: "refused",
    reason: "bad-signature",
  });
  expect(await verify({ keys: both, query: query.replace("kid=k1", "kid=k2") })).toMatchObject({
    reason: "bad-signature",
  });
});

test("another site's key or id does not verify", async () => {
  const other = await deriveSiteKey(master, "site-2");
  expect(await verify({ siteId: "site-2" })).toMatchObject({ reason: "bad-signature" });
  expect(await verify({ keys: new Map([["k1", other]]) })).toMatchObject({ reason: "bad-signature" });
});

test.each([
  "/boot.ipxe",
  "/i/a/b",
  "/i/a/b/",
  "/i/a/b//c",
  "/i/a/b/../c",
  "/i/a/b/%2e%2E/c",
  "/i/a/b/c\nd",
  "/i/a/b/c d",
  "/i/a/b/é",
  "/i/a/b/c?d",
  "/i/a/b/c\\d",
])("%j is not the path of an image file", async (path) => {
  await expect(signImagePath({ key, kid: "k1", ...grant, path })).rejects.toThrow(TypeError);
  expect(await verify({ path })).toEqual({ kind: "refused", reason: "bad-path" });
});

test.each([
  { kid: "k\n1" },
  { kid: "" },
  { siteId: "a\nb" },
  { expiresAt: 1.5 },
  { expiresAt: -1 },
  { expiresAt: Number.NaN },
])("%j is not signed", async (change) => {
  await expect(signImagePath({ key, kid: "k1", ...grant, ...change })).rejects.toThrow(TypeError);
});
