import type { IsoImage } from "../iso/read-iso.ts";
import { recognise, type Distribution } from "../iso/distributions.ts";
import type { ByteSource } from "./byte-source.ts";
import { cpioOf, MAX_CPIO_FILE_BYTES } from "./cpio.ts";
import { UsageError } from "../usage-error.ts";

/** What an ISO image gives an image of pxedge, and how its profile would look. */
export type IsoContents = {
  readonly files: ReadonlyMap<string, ByteSource>;
  readonly found: IsoReport;
};

export type IsoReport = {
  readonly label: string;
  /** `null` where kernel and initrd are at no known place. */
  readonly system: string | null;
  readonly kernel: string | null;
  readonly initrds: readonly string[];
  readonly args: string | null;
  readonly notes: readonly string[];
  /** Files that an image cannot hold, as their names cannot stand in its URLs. */
  readonly leftOut: readonly string[];
};

/** What the API takes as a path in an image. */
const PATH = /^[A-Za-z0-9._~+-]+(?:\/[A-Za-z0-9._~+-]+)*$/;
const MAX_PATH_LENGTH = 200;
/** Windows' images hold a notice in ISO 9660, and all else in UDF. */
const NOTICE_FILES = 3;

/**
 * Chooses what of an ISO image is served.
 *
 * @param iso what was read of `source`
 * @throws UsageError for an image of which nothing can be served
 */
export function contentsOfIso(iso: IsoImage, source: ByteSource): IsoContents {
  const distribution = recognise(iso.files.keys());
  if (iso.hasUdf && distribution === undefined && iso.files.size <= NOTICE_FILES) {
    throw new UsageError(
      "what counts in this image is in UDF, as on Windows' media, which is not read: unpack it " +
        "(`7z x FILE -oDIR`), and name the files that wimboot needs by --file PATH=DIR/…",
    );
  }
  const chosen = choose(iso.files, distribution, source);
  const [files, leftOut] = [new Map<string, ByteSource>(), [] as string[]];
  for (const [path, file] of chosen) {
    if (path.length <= MAX_PATH_LENGTH && PATH.test(path)) files.set(path, file);
    else leftOut.push(path);
  }
  if (files.size === 0) throw new UsageError("the image holds no file");
  return {
    files,
    found: {
      label: iso.label,
      system: distribution?.system ?? null,
      kernel: distribution?.kernel ?? null,
      initrds: distribution === undefined ? [] : initrdsOf(distribution),
      args: distribution?.args ?? null,
      notes: distribution?.notes ?? [],
      leftOut,
    },
  };
}

function choose(
  files: ReadonlyMap<string, ByteSource>,
  distribution: Distribution | undefined,
  source: ByteSource,
): ReadonlyMap<string, ByteSource> {
  if (distribution === undefined || distribution.needs.kind === "tree") return files;
  const { kernel, initrds, needs } = distribution;
  const paths = [kernel, ...initrds, ...(needs.kind === "files" ? needs.paths : [])];
  const chosen = new Map(paths.map((path) => [path, files.get(path)!]));
  if (needs.kind === "image") chosen.set(needs.name, source);
  if (needs.kind === "initrd") {
    if (source.sizeBytes > MAX_CPIO_FILE_BYTES) {
      throw new UsageError(`the image has more than 4 GiB, and cannot be put into an initrd`);
    }
    chosen.set(archiveName(needs.name), cpioOf(needs.name, source));
  }
  return chosen;
}

function initrdsOf({ initrds, needs }: Distribution): readonly string[] {
  return needs.kind === "initrd" ? [...initrds, archiveName(needs.name)] : initrds;
}

function archiveName(file: string): string {
  return `${file}.cpio`;
}
