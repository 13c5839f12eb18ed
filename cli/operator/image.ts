import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Option, type Command } from "commander";
import { stringify } from "yaml";
import { isOrigin } from "../../relay/config/schema.ts";
import { addImage, type AddedFile } from "../image/add-image.ts";
import { openFileSource, type ByteSource, type FileSource } from "../image/byte-source.ts";
import { contentsOfIso, type IsoReport } from "../image/iso-contents.ts";
import {
  examineUpstream,
  isUpstream,
  parseUpstreamAddress,
  type UpstreamAddress,
  type UpstreamFile,
} from "../image/upstream-file.ts";
import { IsoError } from "../iso/errors.ts";
import { readIso } from "../iso/read-iso.ts";
import { formatBytes, showProgress } from "../terminal/progress.ts";
import { printable } from "../terminal/table.ts";
import { UsageError } from "../usage-error.ts";
import { operatorCommand, segment, withSession, type Session } from "./command.ts";
import { addDocumentKind } from "./document.ts";

/** More files than these are told by their number. */
const MAX_LISTED_FILES = 20;

/** `pxedge image …`. */
export function addImageCommands(program: Command): void {
  const image = addDocumentKind(program, {
    name: "image",
    description: "sets of files that machines boot and install from",
    read: null,
    example: "",
  });

  // A file's address has a path, the control plane's has none: `--url` can name both.
  const url = new Option(
    "--url <url>",
    "a file that stays where it is, https://…/NAME#sha256=HEX; may be repeated. Without a path: the control plane (PXEDGE_URL)",
  );
  operatorCommand(
    image,
    "add <name>",
    "make an image of files, of an ISO image, or of files that live elsewhere; what is there already is not sent again",
    [
      "image add debian-12 --kernel linux --initrd initrd.gz",
      "image add rocky-9 --iso Rocky-9-x86_64-boot.iso",
      "image add debian-12 --url https://deb.example/…/linux#sha256=… --url https://deb.example/…/initrd.gz#sha256=…",
      "image add tools --file bin/tool=./tool --kernel vmlinuz --initrd initrd.img",
    ],
    url.argParser(collect),
  )
    .option("--kernel <file>", "a kernel; stands in the image under its own name")
    .option("--initrd <file>", "an initrd; may be repeated", collect)
    .option("--file <path=file>", "any other file, and its path in the image; may be repeated", collect)
    .option("--iso <file>", "an ISO image: kernel and initrd are found in it, and what its installer needs")
    .addHelpText(
      "after",
      "\nA FILE may be an https:// address as well: it is read once for its size, and for its hash where\n" +
        "none is given (#sha256=HEX), and delivered from there.\n",
    )
    .action(
      withSession<[string]>(
        async (session, [name], { kernel, initrd = [], file = [], iso, url = [] }) => {
          const byName = [...(kernel === undefined ? [] : [kernel]), ...initrd, ...url.filter(isNoOrigin)];
          await addFiles(session, name, planFiles(byName, file), iso);
        },
        ({ url = [], ...flags }) => ({ ...flags, url: url.find(isOrigin) }),
      ),
    );
}

function isNoOrigin(url: string): boolean {
  return !isOrigin(url);
}

/** Files and addresses by their path in the image. @throws UsageError */
function planFiles(byName: readonly string[], byPath: readonly string[]): Map<string, string> {
  const files = new Map<string, string>();
  const put = (path: string, file: string) => {
    if (files.has(path))
      throw new UsageError(`${files.get(path)} and ${file} would both be "${path}" in the image`);
    files.set(path, file);
  };
  for (const file of byName) put(isUpstream(file) ? parseUpstreamAddress(file).name : basename(file), file);
  for (const pair of byPath) {
    const at = pair.indexOf("=");
    if (at < 1) throw new UsageError(`--file ${pair}: it must be PATH=FILE`);
    put(pair.slice(0, at), pair.slice(at + 1));
  }
  return files;
}

async function addFiles(
  session: Session,
  name: string,
  named: ReadonlyMap<string, string>,
  iso: string | undefined,
): Promise<void> {
  if (named.size === 0 && iso === undefined) {
    throw new UsageError("name at least one file, by --kernel, --initrd, --file, --iso or --url");
  }
  const opened: FileSource[] = [];
  const openFile = async (file: string): Promise<ByteSource> => {
    const source = await openRegularFile(file);
    opened.push(source);
    return source;
  };
  try {
    // All are looked at before the first one is sent.
    const files = new Map<string, ByteSource>();
    const addresses = new Map<string, UpstreamAddress>();
    for (const [path, file] of named) {
      if (isUpstream(file)) addresses.set(path, parseUpstreamAddress(file));
      else files.set(path, await openFile(file));
    }
    const found = iso === undefined ? undefined : await addIso(files, iso, await openFile(iso));
    const { upstream, origins } = await examineAll(session, addresses);
    const contents = { files, upstream, origins };
    const added = await addImage(session.api, segment(name), contents, showProgress);
    for (const line of formatFiles(added.files)) session.say(line);
    const result = { ...added.result, files: added.files, ...(found !== undefined && { iso: found }) };
    session.show(
      result,
      () =>
        `image ${name} is ${added.result.revision}\n${found === undefined ? "" : formatReport(name, found)}`,
    );
  } finally {
    for (const source of opened) await source.close();
  }
}

async function openRegularFile(file: string): Promise<FileSource> {
  const found = await stat(file).catch((error: Error) => {
    throw new UsageError(`${file} cannot be read: ${error.message}`);
  });
  if (!found.isFile()) throw new UsageError(`${file} is no file`);
  return await openFileSource(file);
}

/** Adds what an ISO image holds. @throws UsageError */
async function addIso(files: Map<string, ByteSource>, name: string, source: ByteSource): Promise<IsoReport> {
  const contents = await readIso(source).then(
    (iso) => contentsOfIso(iso, source),
    (error: unknown) => {
      if (!(error instanceof IsoError)) throw error;
      throw new UsageError(`${name} cannot be used: ${error.message}`);
    },
  );
  for (const [path, file] of contents.files) {
    if (files.has(path)) throw new UsageError(`"${path}" is in ${name} too: give it another path by --file`);
    files.set(path, file);
  }
  return contents.found;
}

async function examineAll(
  session: Session,
  addresses: ReadonlyMap<string, UpstreamAddress>,
): Promise<{ upstream: Map<string, UpstreamFile>; origins: string[] }> {
  const upstream = new Map<string, UpstreamFile>();
  const origins = new Set<string>();
  for (const [path, address] of addresses) {
    let progress: ReturnType<typeof showProgress> | undefined;
    try {
      const examined = await examineUpstream(address, (done, total) => {
        progress ??= showProgress(`reading ${address.url}`, total);
        progress.update(done);
      });
      upstream.set(path, examined.file);
      for (const origin of examined.origins) origins.add(origin);
      if (examined.isHashLearned) session.say(`${path}: no hash was given; it is taken as it came just now`);
    } finally {
      progress?.end();
    }
  }
  return { upstream, origins: [...origins] };
}

const HOW = { uploaded: "", kept: "  (there already)", upstream: "  (stays where it is)" } as const;

function formatFiles(files: readonly AddedFile[]): string[] {
  if (files.length <= MAX_LISTED_FILES) {
    return files.map(
      ({ path, sizeBytes, sha256, how }) => `${path}  ${formatBytes(sizeBytes)}  sha256 ${sha256}${HOW[how]}`,
    );
  }
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const kept = files.filter(({ how }) => how === "kept").length;
  return [`${files.length} files  ${formatBytes(bytes)}${kept === 0 ? "" : `  (${kept} there already)`}`];
}

/** What was found, and the profile that would boot it. */
function formatReport(image: string, found: IsoReport): string {
  const { system, label, kernel, initrds, args, notes, leftOut } = found;
  const lines =
    system === null
      ? [`${printable(label)}: no known system; name its kernel and initrd in the profile yourself`]
      : [
          `${system} (${printable(label)}); a profile that boots it:`,
          "",
          ...stringify({ mode: "install", image, kernel, initrds, args }, { lineWidth: 0 })
            .trimEnd()
            .split("\n")
            .map((line) => `  ${line}`),
          "",
        ];
  if (leftOut.length > 0) {
    const some = leftOut.slice(0, 3).map(printable).join(", ");
    lines.push(`left out, as their names cannot stand in a URL: ${leftOut.length} files, e.g. ${some}`);
  }
  return [...lines, ...notes].map((line) => `${line}\n`).join("");
}

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
