/** Where bytes of a file are, by the image's start. */
export type Extent = { readonly position: number; readonly sizeBytes: number };

/**
 * One entry of a directory (ECMA-119 section 9.1):
 * ```
 *  0 length, 1 of the extended attributes, 2 extent (u32 both-endian), 10 size (the same),
 * 25 flags, 26 interleaving, 32 length of the name, 33 name, padding, system use
 * ```
 */
export type DirectoryRecord = {
  /** As it is written there: one byte 0 for the directory itself, 1 for the one above. */
  readonly name: Buffer;
  readonly extent: Extent;
  readonly isDirectory: boolean;
  /** The file goes on in the next record, of the same name. */
  readonly hasMoreExtents: boolean;
  /** What Rock Ridge says. */
  readonly systemUse: Buffer;
};

const FLAG_DIRECTORY = 0x02;
const FLAG_MULTI_EXTENT = 0x80;
const HEAD_BYTES = 33;

/**
 * Decodes the record at the start of `bytes`, which is all of it.
 *
 * @param blockBytes of a logical block
 * @returns `undefined` for what is no record, or of a file in an unknown layout
 */
export function decodeDirectoryRecord(bytes: Buffer, blockBytes: number): DirectoryRecord | undefined {
  if (bytes.length <= HEAD_BYTES) return undefined;
  const nameBytes = bytes.readUInt8(32);
  const nameEnd = HEAD_BYTES + nameBytes;
  // Interleaved files are of the age of CD-i.
  if (nameBytes === 0 || nameEnd > bytes.length || bytes.readUInt16BE(26) !== 0) return undefined;
  const flags = bytes.readUInt8(25);
  // The extent begins with the extended attributes, which are not of the file.
  const block = bytes.readUInt32LE(2) + bytes.readUInt8(1);
  return {
    name: bytes.subarray(HEAD_BYTES, nameEnd),
    extent: { position: block * blockBytes, sizeBytes: bytes.readUInt32LE(10) },
    isDirectory: (flags & FLAG_DIRECTORY) !== 0,
    hasMoreExtents: (flags & FLAG_MULTI_EXTENT) !== 0,
    // A name of even length is padded, so that what follows begins at an even offset.
    systemUse: bytes.subarray(Math.min(bytes.length, nameEnd + (nameBytes % 2 === 0 ? 1 : 0))),
  };
}
