import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import tftp from "tftp";
import { describe, expect, test } from "vitest";
import { missingNeed } from "../net/needs.ts";
import { makeFolder, pattern, startRig } from "./rig.ts";

const run = promisify(execFile);
const FILE = pattern(173_792);

/** A whole DATA of an Ethernet link. */
const BLKSIZE_1468 = ["--option", "blksize 1468"];

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
  ["atftp", "/usr/bin/atftp", atftp()],
  ["atftp, blksize 1468", "/usr/bin/atftp", atftp(...BLKSIZE_1468)],
  ["atftp, windowsize 8", "/usr/bin/atftp", atftp(...BLKSIZE_1468, "--option", "windowsize 8")],
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
  ["npm tftp, lockstep", process.execPath, npmTftp(1)],
  ["npm tftp, windowsize 4", process.execPath, npmTftp(4)],
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

function atftp(...options: readonly string[]): Fetch {
  return (port, file, folder) =>
    run("/usr/bin/atftp", [
      ...options,
      ...["--get", "--remote-file", file, "--local-file", join(folder, "got"), "127.0.0.1", `${port}`],
    ]);
}

function npmTftp(windowSize: number): Fetch {
  return (port, file, folder) => {
    const client = tftp.createClient({ host: "127.0.0.1", port, blockSize: 1468, windowSize });
    return promisify((done: (error?: Error) => void) => client.get(file, join(folder, "got"), done))();
  };
}

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

/** Debian's tftp-hpa client names no larger block than 512, but knows netascii. */
const noTftpHpa = missingNeed({ programs: ["/usr/bin/tftp"] });

test.skipIf(noTftpHpa)(`T44 netascii by tftp-hpa${noTftpHpa ? ` (${noTftpHpa})` : ""}`, async () => {
  const text = "a\nlone \r here\n".repeat(200);
  const rig = await startRig({ files: { "menu.cfg": text } });
  const folder = await makeFolder();
  await run("/usr/bin/tftp", ["-m", "ascii", "127.0.0.1", `${rig.port}`, "-c", "get", "menu.cfg", "got"], {
    cwd: folder,
  });
  expect(await readFile(join(folder, "got"), "latin1")).toBe(text);
});

const noAtftp = missingNeed({ programs: ["/usr/bin/atftp"] });

test.skipIf(noAtftp)(`T42 atftp gets the window it asks for${noAtftp ? ` (${noAtftp})` : ""}`, async () => {
  const rig = await startRig({ files: { "snponly.efi": FILE } });
  await atftp(...BLKSIZE_1468, "--option", "windowsize 8")(rig.port, "snponly.efi", await makeFolder());
  await rig.idle();
  expect(rig.events).toMatchObject([
    {
      name: "sent",
      detail: { blocks: 119, bytes: FILE.length, resent: 0, blockSizeBytes: 1468, windowSize: 8 },
    },
  ]);
});

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
