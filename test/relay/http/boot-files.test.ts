import { mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";

import { parseByteRange } from "../../../relay/http/byte-range.ts";
import { ask, converse, deadOrigin, startRelayHttp, type RelayUnderTest } from "./fixture.ts";

let relay: RelayUnderTest;

// The WAN is down in all of these: none of it needs the control plane.
beforeEach(async () => {
  relay = await startRelayHttp(await deadOrigin());
  await writeFile(join(relay.root, "snponly.efi"), "0123456789");
  await utimes(join(relay.root, "snponly.efi"), 1_700_000_000, 1_700_000_000);
});

describe("stage one", () => {
  test("is answered with the WAN dead, and never cached", async () => {
    const answer = await ask(`${relay.url}/boot.ipxe`);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatch(/^#!ipxe\n/);
    expect(answer.body).toContain("boot/${netX/mac:hexhyp}/script.ipxe?");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.headers["content-length"]).toBe(String(Buffer.byteLength(answer.body)));
  });

  test("to HEAD without its body", async () => {
    const answer = await ask(`${relay.url}/boot.ipxe`, { method: "HEAD" });
    expect(answer).toMatchObject({ status: 200, body: "" });
    expect(Number(answer.headers["content-length"])).toBeGreaterThan(100);
  });

  test("two of them differ: a site that comes back does not ask all at once", async () => {
    const scripts = new Set<string>();
    for (let i = 0; i < 5; i++) scripts.add((await ask(`${relay.url}/boot.ipxe`)).body);
    expect(scripts.size).toBeGreaterThan(1);
  });
});

describe("what boot loaders look for beside themselves", () => {
  test("autoexec.ipxe is stage one, for a loader without a network yet", async () => {
    const { status, body } = await ask(`${relay.url}/f/autoexec.ipxe`);
    expect(status).toBe(200);
    expect(body).toContain("isset ${netX/ip} || dhcp ||");
    expect(body).toContain(
      `chain --autofree --timeout 15000 ${relay.url}/boot/\${netX/mac:hexhyp}/script.ipxe?`,
    );
  });

  test("GRUB's config is its stage one, for a machine that was observed", async () => {
    await mkdir(join(relay.root, "EFI/debian"), { recursive: true });
    await writeFile(join(relay.root, "EFI/debian/grub.cfg"), "menuentry Install");
    const { body } = await ask(`${relay.url}/f/EFI/debian/grub.cfg`);
    expect(body).toContain("(tftp,127.0.0.1)/boot/52-54-00-00-00-01/grub.cfg");
    const stranger = await startRelayHttp(await deadOrigin(), { leased: false });
    expect((await ask(`${stranger.url}/f/EFI/debian/grub.cfg`)).status).toBe(404);
  });
});

describe("P33 boot files over HTTP", () => {
  test("fields are spelled as loaders look for them that think case matters", async () => {
    const head = await converse(relay.port, "GET /f/snponly.efi HTTP/1.0\r\n\r\n");
    expect(head).toMatch(/^Content-Length: 10\r$/m);
    expect(head).toMatch(/^Last-Modified: /m);
    expect(head).not.toMatch(/^[a-z][a-z-]*: /m);
    const text = await converse(relay.port, "GET /boot.ipxe HTTP/1.0\r\n\r\n");
    expect(text).toMatch(/^Content-Length: \d+\r$/m);
  });

  test("HEAD tells the length, GET sends the bytes", async () => {
    const head = await ask(`${relay.url}/f/snponly.efi`, { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.headers).toMatchObject({
      "content-length": "10",
      "content-type": "application/efi",
      "accept-ranges": "bytes",
      "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT",
      etag: expect.stringMatching(/^"[0-9a-z]+-[0-9a-z]+"$/),
    });
    const get = await ask(`${relay.url}/f/snponly.efi`);
    expect(get).toMatchObject({ status: 200, body: "0123456789" });
    expect(get.headers.etag).toBe(head.headers.etag);
  });

  test("a resume by Range and If-Match continues the same version, and no other", async () => {
    const { etag } = (await ask(`${relay.url}/f/snponly.efi`, { method: "HEAD" })).headers;
    const resumed = await ask(`${relay.url}/f/snponly.efi`, {
      headers: { range: "bytes=4-", "if-match": etag! },
    });
    expect(resumed).toMatchObject({ status: 206, body: "456789" });
    expect(resumed.headers["content-range"]).toBe("bytes 4-9/10");

    await writeFile(join(relay.root, "snponly.efi"), "another version");
    const changed = await ask(`${relay.url}/f/snponly.efi`, {
      headers: { range: "bytes=4-", "if-match": etag! },
    });
    expect(changed).toMatchObject({ status: 412, body: "" });
    const ifRange = await ask(`${relay.url}/f/snponly.efi`, {
      headers: { range: "bytes=4-", "if-range": etag! },
    });
    expect(ifRange).toMatchObject({ status: 200, body: "another version" });
  });

  test("a range past the end is 416; a HEAD has none", async () => {
    const past = await ask(`${relay.url}/f/snponly.efi`, { headers: { range: "bytes=10-" } });
    expect(past.status).toBe(416);
    expect(past.headers["content-range"]).toBe("bytes */10");
    const head = await ask(`${relay.url}/f/snponly.efi`, { method: "HEAD", headers: { range: "bytes=4-" } });
    expect(head.status).toBe(200);
    expect(head.headers["content-length"]).toBe("10");
  });

  test("what a client has already is 304", async () => {
    const { headers } = await ask(`${relay.url}/f/snponly.efi`);
    for (const [name, value] of [
      ["if-none-match", headers.etag!],
      ["if-none-match", `"x", W/${headers.etag}`],
      ["if-modified-since", headers["last-modified"]!],
    ] as const) {
      expect(await ask(`${relay.url}/f/snponly.efi`, { headers: { [name]: value } })).toMatchObject({
        status: 304,
        body: "",
      });
    }
  });

  test("an empty file, a file in a folder, and a large one arrive exactly", async () => {
    await writeFile(join(relay.root, "empty"), "");
    expect(await ask(`${relay.url}/f/empty`)).toMatchObject({ status: 200, body: "" });
    await mkdir(join(relay.root, "arm64"));
    await writeFile(join(relay.root, "arm64/a b.efi"), "arm");
    expect(await ask(`${relay.url}/f/arm64/a%20b.efi`)).toMatchObject({ status: 200, body: "arm" });
    const large = "0123456789abcdef".repeat(200_000);
    await writeFile(join(relay.root, "large"), large);
    expect((await ask(`${relay.url}/f/large`)).body === large).toBe(true);
  });

  test.each(["missing", "link", "folder", "..%2fetc/passwd", "%252e%252e/x", "x%00y"])(
    "%s → 404",
    async (name) => {
      await symlink("/etc/passwd", join(relay.root, "link"));
      await mkdir(join(relay.root, "folder"));
      expect(await ask(`${relay.url}/f/${name}`)).toMatchObject({ status: 404, body: "not found\n" });
    },
  );
});

test.each([
  [undefined, { kind: "whole" }],
  ["bytes=0-", { kind: "part", first: 0, last: 9 }],
  ["bytes=2-5", { kind: "part", first: 2, last: 5 }],
  ["bytes=2-500", { kind: "part", first: 2, last: 9 }],
  ["bytes=-3", { kind: "part", first: 7, last: 9 }],
  ["bytes=-30", { kind: "part", first: 0, last: 9 }],
  ["bytes=-0", { kind: "unsatisfiable" }],
  ["bytes=10-", { kind: "unsatisfiable" }],
  ["bytes=5-2", { kind: "whole" }],
  ["bytes=0-1,3-4", { kind: "whole" }],
  ["bytes=-", { kind: "whole" }],
  ["lines=0-1", { kind: "whole" }],
  ["bytes=a-b", { kind: "whole" }],
])("the range %s of ten bytes", (header, expected) => {
  expect(parseByteRange(header, 10)).toEqual(expected);
});
