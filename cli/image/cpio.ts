import { bytesSource, joinSources, type ByteSource } from "./byte-source.ts";

/** The format holds sizes in eight hexadecimal digits. */
export const MAX_CPIO_FILE_BYTES = 0xffff_ffff;

const REGULAR_FILE_0444 = 0o100444;

/**
 * An archive of one file in the kernel's own initramfs format ("newc", cpio(5)):
 * as a further initrd it puts that file into the root of the first one.
 *
 * @param file of at most `MAX_CPIO_FILE_BYTES`
 */
export function cpioOf(name: string, file: ByteSource): ByteSource {
  const padding = Buffer.alloc((4 - (file.sizeBytes % 4)) % 4);
  return joinSources([
    bytesSource(header(name, file.sizeBytes, REGULAR_FILE_0444)),
    file,
    bytesSource(Buffer.concat([padding, header("TRAILER!!!", 0, 0)])),
  ]);
}

/** Magic, 13 fields of eight hexadecimal digits, the name with its zero, and padding to four bytes. */
function header(name: string, sizeBytes: number, mode: number): Buffer {
  const nameBytes = Buffer.byteLength(name) + 1;
  const fields = [1, mode, 0, 0, 1, 0, sizeBytes, 0, 0, 0, 0, nameBytes, 0];
  const text = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`;
  return Buffer.from(text.padEnd(Math.ceil(text.length / 4) * 4, "\0"), "latin1");
}
