import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseFileName } from "../../../relay/boot-files/file-name.ts";
import { openFileRoot, resolveBootFile } from "../../../relay/boot-files/file-root.ts";

let folder: string;
let root: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pxedge-boot-files-"));
  root = join(folder, "tftp");
  await mkdir(join(root, "boot/grub"), { recursive: true });
  await mkdir(join(folder, "tftp-private"));
  await writeFile(join(root, "undionly.kpxe"), "bios");
  await writeFile(join(root, "boot/grub/normal.mod"), "module");
  await writeFile(join(folder, "tftp-private/secret"), "secret");
  await writeFile(join(folder, "ipxe.efi"), "outside");
  await symlink("undionly.kpxe", join(root, "inside.kpxe"));
  await symlink("../ipxe.efi", join(root, "ipxe.efi"));
  await symlink("../tftp-private", join(root, "private"));
  await symlink("loop", join(root, "loop"));
  await symlink("tftp", join(folder, "current"));
  execFileSync("/usr/bin/mkfifo", [join(root, "pipe")]);
});
afterAll(() => rm(folder, { recursive: true }));

describe("T46 names are normalised", () => {
  test.each([
    ["undionly.kpxe", ["undionly.kpxe"]],
    ["/undionly.kpxe", ["undionly.kpxe"]],
    ["//boot//grub/normal.mod", ["boot", "grub", "normal.mod"]],
    ["\\boot\\grub\\normal.mod", ["boot", "grub", "normal.mod"]],
    ["./boot/./grub/../../undionly.kpxe", ["undionly.kpxe"]],
    ["boot/grub/..", ["boot"]],
    ["%2e%2e/secret", ["%2e%2e", "secret"]],
    ["..efi", ["..efi"]],
    ["C:\\boot.sdi", ["C:", "boot.sdi"]],
  ])("%s", (name, segments) => expect(parseFileName(name)).toEqual({ kind: "path", segments }));

  test.each([
    ["../ipxe.efi", "outside-root"],
    ["boot/../../ipxe.efi", "outside-root"],
    ["..\\ipxe.efi", "outside-root"],
    ["/..//..\\etc/passwd", "outside-root"],
    ["", "bad-name"],
    ["/", "bad-name"],
    ["boot/..", "bad-name"],
    ["undionly.kpxe\0.txt", "bad-name"],
    ["a\nb", "bad-name"],
    ["a".repeat(1025), "bad-name"],
  ])("%j is refused", (name, reason) => expect(parseFileName(name)).toEqual({ kind: "refused", reason }));
});

describe("T46 containment is by real path", () => {
  test.each([
    ["undionly.kpxe", "undionly.kpxe", 4],
    ["inside.kpxe", "undionly.kpxe", 4],
    ["\\boot//grub/normal.mod", "boot/grub/normal.mod", 6],
  ])("%s is found", async (name, path, sizeBytes) => {
    expect(await resolveBootFile(root, name)).toMatchObject({
      kind: "found",
      path: join(root, path),
      sizeBytes,
    });
  });

  test.each([
    ["nope", "missing"],
    ["undionly.kpxe/x", "missing"],
    ["%2e%2e/ipxe.efi", "missing"],
    ["x".repeat(300), "missing"],
    ["boot", "not-a-file"],
    ["pipe", "not-a-file"],
    ["../tftp-private/secret", "outside-root"],
    ["private/secret", "link-outside-root"],
    ["ipxe.efi", "link-outside-root"],
    ["loop", "unreadable"],
  ])("%s is refused: %s", async (name, reason) => {
    expect(await resolveBootFile(root, name)).toMatchObject({ kind: "refused", reason });
  });

  test("a link out, as Debian's ipxe.efi is one, is refused with what to do", async () => {
    expect(await resolveBootFile(root, "ipxe.efi")).toMatchObject({
      message: `${join(root, "ipxe.efi")} is a symbolic link to ${join(folder, "ipxe.efi")}, outside of ${root}: copy the file into the root`,
    });
  });

  test("a root that is itself a link contains what it leads to", async () => {
    const files = await openFileRoot(join(folder, "current"));
    expect(await files.stat("undionly.kpxe")).toMatchObject({ kind: "found", sizeBytes: 4 });
    expect(await files.stat("private/secret")).toMatchObject({ reason: "link-outside-root" });
  });
});

test("an opened file is read by its handle", async () => {
  const files = await openFileRoot(root);
  const opened = await files.open("inside.kpxe");
  if (opened.kind !== "opened") throw new Error(opened.message);
  try {
    expect([opened.sizeBytes, await opened.handle.readFile("utf8")]).toEqual([4, "bios"]);
  } finally {
    await opened.handle.close();
  }
  expect(await files.open("pipe")).toMatchObject({ kind: "refused", reason: "not-a-file" });
});

describe("a root that cannot be used", () => {
  test.each([
    [
      "missing",
      "nowhere",
      "file-root-missing",
      /does not exist: install the package ipxe, or set tftp\.root/,
    ],
    ["a file", "ipxe.efi", "file-root-not-a-folder", /is not a folder: set tftp\.root/],
    ["below a file", "ipxe.efi/x", "file-root-missing", /does not exist/],
  ])("%s", async (_name, path, code, message) => {
    await expect(openFileRoot(join(folder, path))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test("unreadable", async () => {
    const closed = join(folder, "closed");
    await mkdir(closed);
    await chmod(closed, 0);
    const user = process.geteuid!();
    // Root reads everything, so be somebody else for a moment.
    if (user === 0) process.seteuid!(65_534);
    try {
      await expect(openFileRoot(closed)).rejects.toMatchObject({
        code: "file-root-unreadable",
        message: expect.stringContaining("chmod o+rx"),
      });
    } finally {
      if (user === 0) process.seteuid!(user);
    }
  });
});
