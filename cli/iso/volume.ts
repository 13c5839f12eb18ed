import type { ByteSource } from "../image/byte-source.ts";
import { decodeDirectoryRecord, type DirectoryRecord } from "./directory-record.ts";
import { IsoError } from "./errors.ts";

/** How the names of a directory tree are written. */
export type NameEncoding = "ascii" | "ucs2";

/** A file system in an image. */
export type Volume = {
  readonly label: string;
  readonly blockBytes: number;
  readonly root: DirectoryRecord;
  readonly encoding: NameEncoding;
};

/** What the image's descriptors tell (ECMA-119 section 8, Joliet, ECMA-167 part 2). */
export type Volumes = {
  readonly primary: Volume;
  readonly joliet?: Volume;
  readonly hasUdf: boolean;
};

const SECTOR_BYTES = 2_048;
const FIRST_SECTOR = 16;
/** Descriptors end long before this. */
const MAX_SECTORS = 64;
const TYPE = { primary: 1, supplementary: 2 } as const;
/** Joliet's three levels of UCS-2. */
const JOLIET_ESCAPES = ["%/@", "%/C", "%/E"];

/** @throws IsoError `not-iso`, `damaged` */
export async function readVolumes(source: ByteSource): Promise<Volumes> {
  let primary: Volume | undefined;
  let joliet: Volume | undefined;
  let hasUdf = false;
  for (let sector = FIRST_SECTOR; sector < FIRST_SECTOR + MAX_SECTORS; sector++) {
    const bytes = await source.read(sector * SECTOR_BYTES, SECTOR_BYTES);
    if (bytes.length < SECTOR_BYTES) break;
    const standard = bytes.subarray(1, 6).toString("latin1");
    if (standard === "NSR02" || standard === "NSR03") hasUdf = true;
    else if (standard === "CD001" && bytes[0] === TYPE.primary) primary ??= decodeVolume(bytes, "ascii");
    else if (standard === "CD001" && bytes[0] === TYPE.supplementary && isJoliet(bytes)) {
      joliet ??= decodeVolume(bytes, "ucs2");
    } else if (standard !== "CD001" && standard !== "BEA01" && standard !== "BOOT2") break;
  }
  if (primary === undefined) {
    throw new IsoError(
      hasUdf ? "udf-only" : "not-iso",
      hasUdf ? "it holds UDF only, which is not read" : "it holds no ISO 9660 file system",
    );
  }
  return { primary, ...(joliet !== undefined && { joliet }), hasUdf };
}

function isJoliet(descriptor: Buffer): boolean {
  return JOLIET_ESCAPES.includes(descriptor.subarray(88, 91).toString("latin1"));
}

function decodeVolume(descriptor: Buffer, encoding: NameEncoding): Volume {
  const blockBytes = descriptor.readUInt16LE(128);
  const root = decodeDirectoryRecord(descriptor.subarray(156, 190), blockBytes);
  if (root === undefined || !root.isDirectory || blockBytes === 0) {
    throw new IsoError("damaged", "its root directory is not described");
  }
  return { label: decodeName(descriptor.subarray(40, 72), encoding).trimEnd(), blockBytes, root, encoding };
}

/** Text of a descriptor or a directory. Joliet is big-endian. */
export function decodeName(bytes: Buffer, encoding: NameEncoding): string {
  if (encoding === "ascii") return bytes.toString("latin1");
  return Buffer.from(bytes.subarray(0, bytes.length & ~1))
    .swap16()
    .toString("utf16le");
}
