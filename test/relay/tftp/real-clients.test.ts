import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { missingNeed } from "../net/needs.ts";
import { makeFolder, pattern, startRig } from "./rig.ts";

const run = promisify(execFile);
const FILE = pattern(173_792);

type Fetch = (port: number, file: string, folder: string) => Promise<unknown>;

const CLIENTS: readonly [name: string, program: string, fetch: Fetch][] = [
  [
    "tftp-hpa",
    "/usr/bin/tftp",
    (port, file, folder) =>
      run("/usr/bin/tftp", ["-m", "binary", "127.0.0.1", `${port}`, "-c", "get", file, "got"], {
        cwd: folder,
      }),
  ],
  [
    "curl, blksize 512",
    "/usr/bin/curl",
    (port, file, folder) =>
      run("/usr/bin/curl", ["-sS", "-o", join(folder, "got"), `tftp://127.0.0.1:${port}/${file}`]),
  ],
  [
    "curl, blksize 1468",
    "/usr/bin/curl",
    (port, file, folder) =>
      run("/usr/bin/curl", [
        "-sS",
        "--tftp-blksize",
        "1468",
        "-o",
        join(folder, "got"),
        `tftp://127.0.0.1:${port}/${file}`,
      ]),
  ],
  [
    "curl without options",
    "/usr/bin/curl",
    (port, file, folder) =>
      run("/usr/bin/curl", [
        "-sS",
        "--tftp-no-options",
        "-o",
        join(folder, "got"),
        `tftp://127.0.0.1:${port}/${file}`,
      ]),
  ],
  [
    "busybox",
    "/usr/bin/busybox",
    (port, file, folder) =>
      run("/usr/bin/busybox", ["tftp", "-g", "-r", file, "-l", join(folder, "got"), "127.0.0.1", `${port}`]),
  ],
  [
    "busybox, blksize 1428",
    "/usr/bin/busybox",
    (port, file, folder) =>
      run("/usr/bin/busybox", [
        "tftp",
        "-g",
        "-b",
        "1428",
        "-r",
        file,
        "-l",
        join(folder, "got"),
        "127.0.0.1",
        `${port}`,
      ]),
  ],
];

describe.each(CLIENTS)("%s", (_name, program, fetch) => {
  const missing = missingNeed({ programs: [program] });

  test.skipIf(missing)(`gets a file whole${missing ? ` (${missing})` : ""}`, async () => {
    // One byte, since curl calls the true tsize of an empty file invalid.
    const files = { "snponly.efi": FILE, one: pattern(1), "even.bin": pattern(1468 * 512) };
    const rig = await startRig({ files });
    for (const [name, { length }] of Object.entries(files)) {
      const folder = await makeFolder();
      await fetch(rig.port, name, folder);
      expect(Buffer.compare(await readFile(join(folder, "got")), pattern(length))).toBe(0);
    }
    await rig.idle();
    expect(rig.events.filter(({ name }) => name === "sent")).toHaveLength(3);
  });
});

const noCurl = missingNeed({ programs: ["/usr/bin/curl"] });

test.skipIf(noCurl)(`T44 curl tells missing from forbidden${noCurl ? ` (${noCurl})` : ""}`, async () => {
  const rig = await startRig();
  const exitCode = async (...args: string[]) =>
    run("/usr/bin/curl", ["-sS", "--path-as-is", ...args]).then(
      () => 0,
      (error: { code: number }) => error.code,
    );
  // curl's own exit codes: 68 file not found, 69 permission problem.
  expect(await exitCode(`tftp://127.0.0.1:${rig.port}/nope`)).toBe(68);
  expect(await exitCode(`tftp://127.0.0.1:${rig.port}/../etc/passwd`)).toBe(69);
  expect(await exitCode("-T", import.meta.filename, `tftp://127.0.0.1:${rig.port}/up`)).toBe(69);
});
