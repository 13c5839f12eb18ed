import { readFile } from "node:fs/promises";
import { FIRMWARE_CLASSES, type BootFiles, type FirmwareClass } from "../../core/relay-protocol/state.ts";
import { openFileRoot, type FileRoot } from "../boot-files/file-root.ts";
import { ok, problem, problemOf, warning, type Finding } from "./finding.ts";

/** What most machines are; without it a site hardly boots. */
const USUAL: readonly FirmwareClass[] = ["bios", "efi-x86_64"];

/** The first boot file of each firmware class that is there, and which iPXE it is. */
export async function checkBootFiles(folder: string, bootFiles: BootFiles): Promise<Finding[]> {
  let root: FileRoot;
  try {
    root = await openFileRoot(folder);
  } catch (error) {
    return [problemOf("boot files", error)];
  }
  const findings: Finding[] = [];
  for (const firmware of FIRMWARE_CLASSES) {
    const names = bootFiles[firmware] ?? [];
    const check = `boot file for ${firmware}`;
    const found = await firstFound(root, names);
    if (found !== undefined) {
      const version = readIpxeVersion(await readFile(found.path));
      findings.push(ok(check, `${found.name}${version === undefined ? "" : `, iPXE ${version}`}`));
    } else if (names.length > 0 && USUAL.includes(firmware)) {
      const advice = `put one of ${names.join(", ")} into ${folder} (Debian's package ipxe has them)`;
      findings.push(problem(check, "there is none", advice));
    } else if (names.length > 0) {
      findings.push(
        warning(check, "there is none", `machines of this kind boot only with one of ${names.join(", ")}`),
      );
    }
  }
  return findings;
}

async function firstFound(
  root: FileRoot,
  names: readonly string[],
): Promise<{ name: string; path: string } | undefined> {
  for (const name of names) {
    const found = await root.stat(name);
    if (found.kind === "found") return { name, path: found.path };
  }
  return undefined;
}

/** iPXE's version, as its EFI builds hold it in plain; BIOS builds are compressed. */
export function readIpxeVersion(file: Uint8Array): string | undefined {
  const text = Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString("latin1");
  if (!text.includes("iPXE/%s")) return undefined;
  // oxlint-disable-next-line no-control-regex
  return /\0(\d+\.\d+\.\d+[^\0\s]{0,60})\0/.exec(text)?.[1];
}
