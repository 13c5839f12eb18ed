import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./child.ts";

const SECTOR_BYTES = 512;
/** COM1's data register. */
const SERIAL_PORT = 0x3f8;
/** Where a BIOS loads the MBR to. */
const MBR_ADDRESS = 0x7c00;
/** What a boot sector and a protective MBR end in, at offset 510. */
const MBR_SIGNATURE = [0x55, 0xaa] as const;

export const SIGNED_SHIM = "/usr/lib/shim/shimx64.efi.signed";
export const SIGNED_GRUB = "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed";

/** What a disk built here shows on the serial port when it is booted. */
export function formatDiskMarker(marker: string): string {
  return `DISK-BOOT-MARKER ${marker}`;
}

/**
 * A disk whose MBR writes the marker to the serial port and halts. It talks to
 * the port itself, so that it also shows where no firmware console would.
 *
 * @throws when the marker does not fit before the partition table (some 360 characters).
 */
export function buildBiosDiskImage(marker: string): Buffer {
  const text = Buffer.from(`\r\n${formatDiskMarker(marker)}\r\n\0`, "latin1");
  const lowByte = (word: number) => word & 0xff;
  const highByte = (word: number) => word >> 8;

  const code = (textAddress: number) =>
    [
      [0xfa], //                                                         cli
      [0x31, 0xc0], //                                                   xor ax, ax
      [0x8e, 0xd8], //                                                   mov ds, ax
      [0xfc], //                                                         cld
      [0xbe, lowByte(textAddress), highByte(textAddress)], //            mov si, text
      // next:
      [0xac], //                                                         lodsb
      [0x84, 0xc0], //                                                   test al, al
      [0x74, 0x11], //                                                   jz halt
      [0x88, 0xc4], //                                                   mov ah, al
      [0xba, lowByte(SERIAL_PORT + 5), highByte(SERIAL_PORT)], //        mov dx, line status
      // busy:
      [0xec], //                                                         in al, dx
      [0xa8, 0x20], //                                                   test al, transmitter empty
      [0x74, 0xfb], //                                                   jz busy
      [0x88, 0xe0], //                                                   mov al, ah
      [0xb2, lowByte(SERIAL_PORT)], //                                   mov dl, data
      [0xee], //                                                         out dx, al
      [0xeb, 0xea], //                                                   jmp next
      // halt:
      [0xf4], //                                                         hlt
      [0xeb, 0xfd], //                                                   jmp halt
    ].flat();
  const program = code(MBR_ADDRESS + code(0).length);
  const image = Buffer.alloc(2_048 * SECTOR_BYTES);
  if (program.length + text.length > 446) throw new Error("marker does not fit before the partition table");
  image.set(program, 0);
  image.set(text, program.length);
  image.set(MBR_SIGNATURE, 510);
  return image;
}

/**
 * A disk with an EFI system partition that holds only `\EFI\BOOT\BOOTX64.EFI`:
 * GRUB with everything in one file, which writes the marker to the serial port
 * and halts. Needs grub-efi-amd64-bin, grub-common, dosfstools and mtools.
 */
export async function buildUefiDiskImage(marker: string): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-uefi-disk-"));
  try {
    const config = join(directory, "grub.cfg");
    const loader = join(directory, "BOOTX64.EFI");
    // Only the serial port: OVMF's console is there, too, and the text would come twice.
    writeFileSync(
      config,
      `serial --unit=0 --speed=115200\nterminal_output serial\n` +
        `echo "${formatDiskMarker(marker)}"\nsleep 3600\nhalt\n`,
    );
    await run("grub-mkstandalone", [
      "--format=x86_64-efi",
      `--output=${loader}`,
      "--locales=",
      "--fonts=",
      "--themes=",
      "--install-modules=serial echo sleep halt terminal",
      `boot/grub/grub.cfg=${config}`,
    ]);
    return await buildSystemPartition(directory, "BOOT", { "BOOTX64.EFI": loader });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * A disk as an installed Debian leaves it, in so far as it boots under Secure
 * Boot: shim and GRUB, signed, in `\EFI\debian` and nowhere else. GRUB's
 * config writes the marker to the console and waits. Needs shim-signed,
 * grub-efi-amd64-signed, dosfstools and mtools.
 */
export async function buildDebianDiskImage(marker: string): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-debian-disk-"));
  try {
    const config = join(directory, "grub.cfg");
    writeFileSync(config, `echo "${formatDiskMarker(marker)}, locked down: $lockdown"\nsleep 3600\n`);
    return await buildSystemPartition(directory, "debian", {
      "shimx64.efi": SIGNED_SHIM,
      "grubx64.efi": SIGNED_GRUB,
      "grub.cfg": config,
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A disk with one EFI system partition that holds these files in a folder of `\EFI`. */
async function buildSystemPartition(
  directory: string,
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<Buffer> {
  const filesystem = join(directory, "esp.img");
  await run("mkfs.vfat", ["-C", "-F", "16", filesystem, "16384"]);
  await run("mmd", ["-i", filesystem, "::/EFI", `::/EFI/${folder}`]);
  for (const [name, source] of Object.entries(files)) {
    await run("mcopy", ["-i", filesystem, source, `::/EFI/${folder}/${name}`]);
  }
  return wrapInPartition(readFileSync(filesystem));
}

/** A disk with one MBR partition of type 0xef (EFI system, UEFI 2.10 section 5.2.2), which all UEFI firmware boots. */
function wrapInPartition(filesystem: Buffer): Buffer {
  const firstSector = 2_048;
  const image = Buffer.alloc(firstSector * SECTOR_BYTES + filesystem.length);
  const entry = 446;
  image.set([0x00, 0xfe, 0xff, 0xff, 0xef, 0xfe, 0xff, 0xff], entry);
  image.writeUInt32LE(firstSector, entry + 8);
  image.writeUInt32LE(filesystem.length / SECTOR_BYTES, entry + 12);
  image.set(MBR_SIGNATURE, 510);
  filesystem.copy(image, firstSector * SECTOR_BYTES);
  return image;
}
