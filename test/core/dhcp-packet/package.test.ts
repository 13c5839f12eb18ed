import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatHex } from "../../../core/bytes.ts";
import { EDK2_DISCOVER } from "./captures.ts";

/*
 * `dhcp-packet` as somebody installs it who has nothing else of this
 * repository: packed, unpacked into a folder of its own, and used from there.
 */

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");
const exec = promisify(execFile);

/** What a client would be told it is; the capture goes in, and comes out as it went in. */
const PROGRAM = `
import { decode, DecodeError, encode, getText, OPTION, type DhcpPacket } from "dhcp-packet";
const bytes: Uint8Array = Uint8Array.from("${formatHex(EDK2_DISCOVER)}".match(/../g)!, (byte) => parseInt(byte, 16));
const packet: DhcpPacket = decode(bytes);
const again = encode(packet);
let refused = "";
try {
  decode(bytes.subarray(0, 200));
} catch (error) {
  if (error instanceof DecodeError) refused = error.code;
}
const same = bytes.every((byte, at) => again[at] === byte);
export const answer = [getText(packet, OPTION.VENDOR_CLASS_IDENTIFIER), same, refused].join(" ");
`;
const ANSWER = "PXEClient:Arch:00007:UNDI:003016 true too-short";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pxedge-dhcp-packet-"));
  await exec("npm", ["run", "--silent", "build:dhcp-packet"], { cwd: ROOT });
  await exec("npm", ["pack", "--silent", "--pack-destination", folder, join(ROOT, "dist/dhcp-packet")]);
  const installed = join(folder, "node_modules/dhcp-packet");
  await mkdir(installed, { recursive: true });
  await exec("tar", ["-xzf", join(folder, "dhcp-packet-0.1.0.tgz"), "-C", installed, "--strip-components=1"]);
  await writeFile(join(folder, "package.json"), `{ "type": "module" }`);
  await writeFile(join(folder, "program.ts"), PROGRAM);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test("holds code, types, README and licence, and depends on nothing", async () => {
  const installed = join(folder, "node_modules/dhcp-packet");
  const files = await readdir(installed);
  expect(files).toEqual(
    expect.arrayContaining(["index.js", "index.d.ts", "README.md", "LICENSE", "package.json"]),
  );
  expect(files.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))).toEqual([]);
  const about = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as object;
  expect(about).not.toHaveProperty("private");
  expect(about).not.toHaveProperty("dependencies");
});

test("its types hold for a strict consumer, and it runs in Node", async () => {
  const options = { strict: true, module: "nodenext", target: "es2024", lib: ["es2024"], types: [] };
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...options, noEmit: true }, files: ["program.ts"] }),
  );
  await exec(process.execPath, [TSC, "-p", folder]);
  const say = `console.log((await import("./program.ts")).answer)`;
  const { stdout } = await exec(process.execPath, ["--input-type=module", "-e", say], { cwd: folder });
  expect(stdout.trim()).toBe(ANSWER);
}, 30_000);

test("bundles for a browser, and needs no more of it than text coding", async () => {
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: ["program.ts"],
    bundle: true,
    write: false,
    // An import of node:* would not resolve for this platform.
    platform: "browser",
    format: "iife",
    globalName: "program",
    logLevel: "silent",
  });
  // No process, no Buffer, no require: nothing but the language and these two.
  const context = createContext({ TextDecoder, TextEncoder });
  expect(runInContext(`${outputFiles[0]!.text}; program.answer`, context)).toBe(ANSWER);
});
