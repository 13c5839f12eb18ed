import { describe, expect, test } from "vitest";
import { renderScript } from "../../../core/render/scripts/dialects.ts";
import { renderIpxe } from "../../../core/render/scripts/ipxe.ts";
import { signImagePath, verifyImagePath } from "../../../core/sign/image-path.ts";
import { signAgain } from "../../../core/sign/sign-again.ts";
import { signTreeGrant, verifyTreeGrant } from "../../../core/sign/tree-grant.ts";

const siteId = "site-1";
const oldKey = new Uint8Array(32).fill(1);
const newKey = new Uint8Array(32).fill(2);
const NOW = 1_767_225_600;
const old = { siteId, key: oldKey, kid: "k1", expiresAt: NOW - 100 };
const options = { siteId, key: newKey, kid: "k2", expiresAt: NOW + 3600 };
const keys = new Map([["k2", newKey]]);

const revision = "9f86d081884c7d659a2feaa0c55ad015";
const script = async (files: readonly string[]) => {
  const [kernelUrl, ...initrdUrls] = await Promise.all(
    files.map((file) => signImagePath({ ...old, path: `/i/live/${revision}/${file}` })),
  );
  const tree = await signTreeGrant({ ...old, image: "live", revision });
  const args = `root=live:http://192.168.77.1:8080${tree}/squashfs.img quiet`;
  return renderIpxe({ kind: "kernel", kernelUrl: kernelUrl!, initrdUrls, args });
};

describe("signing a script's URLs anew", () => {
  test("every URL verifies afterwards, and nothing else has changed", async () => {
    const files = ["linux", "casper/initrd%20x"];
    const before = await script(files);
    const after = await signAgain(before, options);
    const urls = [...after!.matchAll(/(\/i\/\S+)\?(exp=\S+)/g)];
    expect(urls).toHaveLength(2);
    for (const [, path, query] of urls) {
      const verdict = await verifyImagePath({ keys, siteId, path: path!, query: query!, now: NOW * 1000 });
      expect(verdict).toEqual({ kind: "valid", expiresAt: options.expiresAt });
    }
    const [tree] = /\/t\/\S+/.exec(after!)!;
    expect(await verifyTreeGrant({ keys, siteId, path: tree, now: NOW * 1000 })).toMatchObject({
      kind: "valid",
      file: "squashfs.img",
    });
    const unsigned = (text: string) => text.replaceAll(/exp=\d+&kid=\w+&sig=[\w-]+|\/t\/[^/]+/g, "SIGNATURE");
    expect(unsigned(after!)).toBe(unsigned(before));
  });

  test.each(["double quotes", "single quotes"])("inside %s, as GRUB has them", async (kind) => {
    const quote = kind === "double quotes" ? '"' : "'";
    const url = await signImagePath({ ...old, path: `/i/live/${revision}/linux` });
    const after = await signAgain(`linux ${quote}(http,192.168.77.1)${url}${quote} quiet\n`, options);
    const signed = await signImagePath({ ...options, path: `/i/live/${revision}/linux` });
    expect(after).toBe(`linux ${quote}(http,192.168.77.1)${signed}${quote} quiet\n`);
  });

  test.each(["grub", "pxelinux"] as const)("a tree's grants, as %s has them", async (dialect) => {
    const place = { mac: "52:54:00:00:00:01", baseUrl: "http://192.168.77.1:8080" };
    const write = (tree: string): string => {
      const [kernelUrl, ...initrdUrls] = ["linux", "a.gz", "b.gz"].map((file) => `${tree}/${file}`);
      return renderScript(
        dialect,
        { kind: "kernel", kernelUrl: kernelUrl!, initrdUrls, args: "quiet" },
        place,
      );
    };
    const before = write(await signTreeGrant({ ...old, image: "live", revision }));
    const anew = write(await signTreeGrant({ ...options, image: "live", revision }));
    expect(before).not.toBe(anew);
    expect(await signAgain(before, options)).toBe(anew);
  });

  test("a text without any stays as it is", async () => {
    const text = renderIpxe({ kind: "local" });
    expect(await signAgain(text, options)).toBe(text);
  });

  test.each([
    "kernel /i/live/9f86/linux?sig=AAAA&exp=1&kid=k1\n",
    "kernel /x/live/9f86/linux?exp=1&kid=k1&sig=AAAA\n",
    "kernel /i/live/../linux?exp=1&kid=k1&sig=AAAA\n",
  ])("what looks signed and cannot be signed again: %j", async (text) => {
    expect(await signAgain(text, options)).toBeUndefined();
  });
});
