import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openFileSource } from "../../../cli/image/byte-source.ts";
import { readIso, type IsoImage } from "../../../cli/iso/read-iso.ts";
import { missingNeed } from "../../relay/net/needs.ts";

const [XORRISO, GENISOIMAGE] = ["/usr/bin/xorriso", "/usr/bin/genisoimage"];
const missing = missingNeed({ programs: [XORRISO, GENISOIMAGE] });

const LONG_NAME = `pool/main/l/long/${"a-name-of-many-parts_".repeat(9)}1.0~rc1_amd64.deb`;
const DEEP = "1/2/3/4/5/6/7/8/9/10/11/deep";
const FILES: Readonly<Record<string, Buffer>> = {
  "casper/vmlinuz": Buffer.alloc(300_000, "kernel"),
  "casper/initrd": Buffer.alloc(5 << 20, "initrd"),
  "EFI/BOOT/BOOTX64.EFI": Buffer.from("loader"),
  empty: Buffer.alloc(0),
  [LONG_NAME]: Buffer.from("package"),
  [DEEP]: Buffer.from("deep"),
  "Grüße.txt": Buffer.from("umlaut"),
};
/** So many that their directory takes several sectors. */
const MANY = Array.from({ length: 400 }, (_, index) => `many/file-number-${index}`);

describe.skipIf(missing !== undefined)("an ISO image", () => {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-iso-"));
  const tree = join(directory, "tree");
  const image = join(directory, "image.iso");

  beforeAll(() => {
    for (const [path, content] of Object.entries(FILES)) put(path, content);
    for (const path of MANY) put(path, Buffer.from(path));
    symlinkSync("casper/vmlinuz", join(tree, "linux"));
    symlinkSync("../../../linux", join(tree, "pool/main/l/linux"));
    symlinkSync(".", join(tree, "debian"));
    symlinkSync("/etc/passwd", join(tree, "outside"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  function put(path: string, content: Buffer): void {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), content);
  }

  async function read(file = image): Promise<IsoImage> {
    const source = await openFileSource(file);
    onTestFinished(() => source.close());
    return await readIso(source);
  }

  /** What is in the image, file by file, in pieces of an odd size. */
  async function hashes({ files }: IsoImage): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const [path, source] of files) {
      const hash = createHash("sha256");
      for (let position = 0; position < source.sizeBytes; position += 70_001) {
        hash.update(await source.read(position, 70_001));
      }
      found[path] = hash.digest("hex");
    }
    return found;
  }

  function expected(rename: (path: string) => string = (path) => path): Record<string, string> {
    const contents = { ...FILES, ...Object.fromEntries(MANY.map((path) => [path, Buffer.from(path)])) };
    return Object.fromEntries(
      Object.entries(contents).map(([path, content]) => [
        rename(path),
        createHash("sha256").update(content).digest("hex"),
      ]),
    );
  }

  const LINKS = { linux: "casper/vmlinuz", "pool/main/l/linux": "casper/vmlinuz" };

  test.each([
    ["xorriso", XORRISO, ["-as", "mkisofs", "-quiet", "-r", "-J", "-joliet-long", "-V", "Debian 12 amd64"]],
    // Directories below the eighth level stand elsewhere, and are linked to.
    ["genisoimage", GENISOIMAGE, ["-quiet", "-R", "-V", "Debian 12 amd64"]],
  ])("by %s, with Rock Ridge: long names, links, deep directories", async (_, program, options) => {
    execFileSync(program, [...options, "-o", image, tree], { stdio: ["ignore", "ignore", "pipe"] });
    const iso = await read();
    const files = expected();
    for (const [link, target] of Object.entries(LINKS)) files[link] = files[target]!;
    expect(await hashes(iso)).toEqual(files);
    expect(iso).toMatchObject({ label: "Debian 12 amd64", hasUdf: false });
  });

  test("with Joliet only: its names", async () => {
    const options = [
      "-quiet",
      // Not by the locale.
      ...["-input-charset", "utf-8"],
      "-J",
      "-joliet-long",
      "-D",
      "-f",
      "-m",
      "debian",
      "-m",
      "outside",
      "-m",
      "pool",
    ];
    execFileSync(GENISOIMAGE, [...options, "-o", image, tree], { stdio: ["ignore", "ignore", "pipe"] });
    const found = await hashes(await read());
    const files = expected();
    delete files[LONG_NAME];
    expect(found).toEqual({ ...files, linux: files["casper/vmlinuz"] });
  });

  test("with neither: ISO 9660's names as Linux shows them", async () => {
    const plain = join(directory, "plain");
    mkdirSync(join(plain, "BOOT"), { recursive: true });
    writeFileSync(join(plain, "BOOT/LINUX26"), "kernel");
    writeFileSync(join(plain, "BOOT/INITRD.IMG"), "initrd");
    execFileSync(GENISOIMAGE, ["-quiet", "-o", image, plain], { stdio: ["ignore", "ignore", "pipe"] });
    expect([...(await read()).files.keys()].sort()).toEqual(["boot/initrd.img", "boot/linux26"]);
  });

  test("a UDF file system beside is told of", async () => {
    const bridge = join(directory, "bridge");
    mkdirSync(bridge, { recursive: true });
    writeFileSync(join(bridge, "readme.txt"), 'This disc contains a "UDF" file system');
    execFileSync(GENISOIMAGE, ["-quiet", "-udf", "-o", image, bridge], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    expect(await read()).toMatchObject({ hasUdf: true });
  });

  test("a download that broke off, and what is no image", async () => {
    execFileSync(XORRISO, ["-as", "mkisofs", "-quiet", "-r", "-o", image, tree], { stdio: "ignore" });
    truncateSync(image, 1 << 20);
    await expect(read()).rejects.toMatchObject({
      code: "damaged",
      message: expect.stringMatching(/it ends before .* does: is the download complete\?/),
    });
    writeFileSync(image, "a text");
    await expect(read()).rejects.toMatchObject({ code: "not-iso" });
  });

  test("no damage ends in anything but an IsoError", async () => {
    execFileSync(XORRISO, ["-as", "mkisofs", "-quiet", "-r", "-o", image, tree], { stdio: "ignore" });
    const whole = readFileSync(image);
    // Descriptors and directories stand before the files' content.
    const metadataEnd = 400_000;
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    let refused = 0;
    for (let run = 0; run < 80; run++) {
      const damaged = Buffer.from(whole);
      for (let count = 0; count < 20; count++) damaged[32_768 + random(metadataEnd)] = random(256);
      const source = {
        sizeBytes: damaged.length,
        read: (position: number, length: number) =>
          Promise.resolve(damaged.subarray(position, position + length)),
      };
      const outcome = await readIso(source).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({ name: "IsoError" });
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});
