import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { signCanonicalString, verifyImagePath } from "../../../core/sign/image-path.ts";
import { deriveSiteKey } from "../../../core/sign/site-key.ts";
import { signTreeGrant, treeCanonicalString, verifyTreeGrant } from "../../../core/sign/tree-grant.ts";
import type { VerifyTreeGrantOptions } from "../../../core/sign/tree-grant.ts";

const master = Uint8Array.from({ length: 32 }, (_, index) => index);
const revision = "9f86d081884c7d659a2feaa0c55ad015";
const grant = { siteId: "site-1", image: "debian-12", revision, expiresAt: 1_767_225_600 };
const key = await deriveSiteKey(master, grant.siteId);
const prefix = await signTreeGrant({ key, kid: "k1", ...grant });
const path = `${prefix}/images/pxeboot/vmlinuz`;

const verify = (change: Partial<VerifyTreeGrantOptions> = {}) =>
  verifyTreeGrant({
    keys: new Map([["k1", key]]),
    siteId: grant.siteId,
    path,
    now: (grant.expiresAt - 10) * 1000,
    ...change,
  });

describe("each stage against a fixed vector", () => {
  const text = `pxedge-tree-v1\nGET\n/t/debian-12/${revision}/\nsite-1\n1767225600\nk1`;

  test("canonical string", () => {
    expect(treeCanonicalString(grant, "k1")).toBe(text);
  });

  test("prefix: expiry in base 36, 128 bits of HMAC-SHA256", () => {
    const signature = createHmac("sha256", key).update(text).digest().subarray(0, 16).toString("base64url");
    expect(prefix).toBe(`/t/t85s00.k1.${signature}/debian-12/${revision}`);
    expect(prefix).toBe(`/t/t85s00.k1.xzmWoyPauOC4jU_pnwfzbw/debian-12/${revision}`);
  });

  test("a TFTP name of 127 bytes has room for a path", () => {
    expect(127 - `${prefix}/`.length).toBeGreaterThanOrEqual("debian-installer/amd64/bootnetx64.efi".length);
  });
});

test("every file of the tree is granted, and named", async () => {
  const valid = { kind: "valid", expiresAt: grant.expiresAt, image: grant.image, revision };
  expect(await verify()).toEqual({ ...valid, file: "images/pxeboot/vmlinuz" });
  expect(await verify({ path: `${prefix}/.treeinfo` })).toEqual({ ...valid, file: ".treeinfo" });
  expect(await verify({ path: `${prefix}/a%20b/c+d` })).toEqual({ ...valid, file: "a%20b/c+d" });
});

test("every mutated byte of the prefix is refused", async () => {
  for (let index = 0; index <= prefix.length; index++) {
    for (const bit of [1, 2, 4, 8, 16, 32, 64]) {
      const char = String.fromCharCode(path.charCodeAt(index) ^ bit);
      const mutated = path.slice(0, index) + char + path.slice(index + 1);
      expect(await verify({ path: mutated }), mutated).toMatchObject({ kind: "refused" });
    }
  }
});

test("every truncation of the prefix is refused, and what is no file", async () => {
  for (let length = 0; length <= prefix.length + 1; length++) {
    expect(await verify({ path: path.slice(0, length) }), path.slice(0, length)).toMatchObject({
      kind: "refused",
    });
  }
});

test.each([
  ["another tree", path.replace("debian-12", "debian-13"), "bad-signature"],
  ["another revision", path.replace(revision, revision.replace("9f", "9e")), "bad-signature"],
  ["a longer life", path.replace("t85s00", "t85s01"), "bad-signature"],
  ["a second spelling of the expiry", path.replace("t85s00", "T85S00"), "bad-path"],
  ["a leading zero", path.replace("t85s00", "0t85s00"), "bad-path"],
  ["a shorter signature", path.replace(/(k1\.[\w-]{16})[\w-]+/, "$1"), "bad-signature"],
  ["no signature", path.replace(/(k1\.)[\w-]+/, "$1"), "bad-signature"],
  ["a fourth part", path.replace("k1.", "k1.x."), "bad-path"],
  ["an unknown key", path.replace("k1.", "k2."), "unknown-key"],
  ["a way out", `${prefix}/../../x`, "bad-path"],
  ["an encoded way out", `${prefix}/%2e%2E/x`, "bad-path"],
  ["an empty segment", `${prefix}//x`, "bad-path"],
  ["a query", `${prefix}/x?y`, "bad-path"],
  ["a control character", `${prefix}/x\ny`, "bad-path"],
  ["a backslash", `${prefix}/x\\y`, "bad-path"],
])("%s is refused", async (_, changed, reason) => {
  expect(await verify({ path: changed })).toEqual({ kind: "refused", reason });
});

test("the untruncated HMAC is no second spelling", async () => {
  const whole = await signCanonicalString(key, treeCanonicalString(grant, "k1"));
  const sig = Buffer.from(whole).toString("base64url");
  expect(await verify({ path: path.replace(/k1\.[\w-]+/, `k1.${sig}`) })).toMatchObject({
    reason: "bad-signature",
  });
});

test("a tree grant is no image signature, and the other way round", async () => {
  const sig = /k1\.([\w-]+)/.exec(path)![1];
  expect(
    await verifyImagePath({
      keys: new Map([["k1", key]]),
      siteId: grant.siteId,
      path: `/i/debian-12/${revision}/linux`,
      query: `exp=${grant.expiresAt}&kid=k1&sig=${sig}`,
      now: 0,
    }),
  ).toMatchObject({ reason: "bad-signature" });
});

test("expiry counts with the clock's skew", async () => {
  const at = (seconds: number): number => (grant.expiresAt + seconds) * 1000;
  expect(await verify({ now: at(59) })).toMatchObject({ kind: "valid" });
  expect(await verify({ now: at(60) })).toEqual({ kind: "refused", reason: "expired" });
  expect(await verify({ now: at(0), clockSkewSeconds: 0 })).toMatchObject({ reason: "expired" });
});

test("rotation: several key ids live at once; another site's key or id does not verify", async () => {
  const next = await deriveSiteKey(master.toReversed(), grant.siteId);
  const other = await deriveSiteKey(master, "site-2");
  const keys = (k1: Uint8Array) =>
    new Map([
      ["k2", next],
      ["k1", k1],
    ]);
  expect(await verify({ keys: keys(key) })).toMatchObject({ kind: "valid" });
  expect(await verify({ keys: keys(next) })).toMatchObject({ reason: "bad-signature" });
  expect(await verify({ keys: keys(other) })).toMatchObject({ reason: "bad-signature" });
  expect(await verify({ siteId: "site-2" })).toMatchObject({ reason: "bad-signature" });
});

test.each([
  { kid: "k.1" },
  { kid: "" },
  { image: "a/b" },
  { image: "" },
  { image: ".." },
  { revision: "a\nb" },
  { siteId: "a\nb" },
  { expiresAt: 1.5 },
  { expiresAt: -1 },
  { expiresAt: Number.NaN },
])("%j is not signed", async (change) => {
  await expect(signTreeGrant({ key, kid: "k1", ...grant, ...change })).rejects.toThrow(TypeError);
});
