import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Command } from "commander";
import { formatBytes, showProgress } from "../terminal/progress.ts";
import { uploadFile } from "../upload.ts";
import { UsageError } from "../usage-error.ts";
import { operatorCommand, segment, withSession, type Session } from "./command.ts";
import { addDocumentKind } from "./document.ts";

/** `pxedge image …`. */
export function addImageCommands(program: Command): void {
  const image = addDocumentKind(program, {
    name: "image",
    description: "sets of files that machines boot and install from",
    read: null,
    example: "",
  });

  operatorCommand(image, "add <name>", "upload files as an image; what is there already is not sent again", [
    "image add debian-12 --kernel linux --initrd initrd.gz",
    "image add tools --file bin/tool=./tool --kernel vmlinuz --initrd initrd.img",
  ])
    .option("--kernel <file>", "a kernel; stands in the image under its own name")
    .option("--initrd <file>", "an initrd; may be repeated", collect, [])
    .option("--file <path=file>", "any other file, and its path in the image; may be repeated", collect, [])
    .action(
      withSession<[string]>(async (session, [name], { kernel, initrd, file }) => {
        const files = plan([...(kernel === undefined ? [] : [kernel]), ...initrd], file);
        await addImage(session, name, files);
      }),
    );
}

/** Local files by their path in the image. @throws UsageError */
function plan(byName: readonly string[], byPath: readonly string[]): Map<string, string> {
  const files = new Map<string, string>();
  const put = (path: string, file: string) => {
    if (files.has(path))
      throw new UsageError(`${files.get(path)} and ${file} would both be "${path}" in the image`);
    files.set(path, file);
  };
  for (const file of byName) put(basename(file), file);
  for (const pair of byPath) {
    const at = pair.indexOf("=");
    if (at < 1) throw new UsageError(`--file ${pair}: it must be PATH=FILE`);
    put(pair.slice(0, at), pair.slice(at + 1));
  }
  if (files.size === 0) throw new UsageError("name at least one file, by --kernel, --initrd or --file");
  return files;
}

async function addImage(session: Session, name: string, files: ReadonlyMap<string, string>): Promise<void> {
  // All are looked at before the first one is sent.
  const sizes = new Map<string, number>();
  for (const [path, file] of files) {
    const found = await stat(file).catch((error: Error) => {
      throw new UsageError(`${file} cannot be read: ${error.message}`);
    });
    if (!found.isFile()) throw new UsageError(`${file} is no file`);
    sizes.set(path, found.size);
  }
  const uploaded: Record<string, { sha256: string }> = {};
  for (const [path, file] of files) {
    const progress = showProgress(`uploading ${path}`, sizes.get(path)!);
    try {
      const { sha256, sizeBytes } = await uploadFile(
        session.api,
        { image: segment(name), path, file },
        (arrived) => progress.update(arrived),
      );
      uploaded[path] = { sha256 };
      progress.end();
      session.say(`${path}  ${formatBytes(sizeBytes)}  sha256 ${sha256}`);
    } catch (error) {
      progress.end();
      throw error;
    }
  }
  const result = await session.api.request("PUT", `/images/${segment(name)}`, { files: uploaded });
  session.show(result, () => `image ${name} is ${result.revision}\n`);
}

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text];
}
