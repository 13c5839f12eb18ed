import type { LocalBoot } from "../../boot/model.ts";
import { ipxeWord } from "./ipxe-text.ts";

/** The first disk, as the BIOS numbers them. */
export const FIRST_DRIVE = 0x80;

function sanbootDrive(drive: number): string {
  return `sanboot --no-describe --drive 0x${drive.toString(16)}`;
}

/**
 * BIOS: start the first disk's boot sector (leaving `undionly.kpxe` for the
 * ROM below it does not always reach the disk). Where there is none, what
 * follows leaves iPXE. Not on EFI: there sanboot ignores the boot order and
 * the operating system's own entry (ipxe #1324), or finds no device.
 */
export const LOCAL_DISK_LINES = [`iseq \${platform} pcbios && ${sanbootDrive(FIRST_DRIVE)} ||`] as const;

/** Set by a chained script where stage one shall leave iPXE with another status than it would. */
const LEAVE_SETTING = "pxedge-leave";

/**
 * The lines that end stage one, whether the chained script asked for the
 * local disk or nothing answered in time. BIOS: the firmware tries its next
 * device. EFI: EDK2's boot manager takes a boot option that returns success
 * as the end of booting and opens its menu (BdsDxe, BootBootOptions); an
 * error makes it go on to the next option, the disk. Seen with OVMF 2022.11.
 */
export const LEAVE_LINES = [
  `isset \${${LEAVE_SETTING}} && exit \${${LEAVE_SETTING}} ||`,
  "iseq ${platform} pcbios && exit 0 ||",
  "exit 1",
] as const;

/**
 * The script of a machine that shall boot its own disk: the safe default, and
 * the same bytes for every machine, known or not. It ends in success, which
 * tells stage one to leave iPXE (`LEAVE_LINES`): to stage one a chained script
 * that fails looks like a failed download, and is tried again.
 */
export function renderLocalBoot(localBoot: LocalBoot = {}): string {
  const lines = localDiskLines(localBoot);
  return ["#!ipxe", "echo pxedge: booting the local disk", ...lines, "exit 0", ""].join("\n");
}

/** What starts the disk, unless leaving iPXE does. */
export function localDiskLines({ bios, efi }: LocalBoot = {}): readonly string[] {
  return [...biosLines(bios), ...efiLines(efi)];
}

function biosLines(bios: LocalBoot["bios"]): readonly string[] {
  if (bios === undefined) return LOCAL_DISK_LINES;
  return bios === "exit" ? [] : [`iseq \${platform} pcbios && ${sanbootDrive(bios.drive)} ||`];
}

function efiLines(efi: LocalBoot["efi"]): readonly string[] {
  if (efi === undefined) return [];
  if (efi === "exit-success") return [`iseq \${platform} efi && set ${LEAVE_SETTING} 0 ||`];
  const path = ipxeWord("localBoot.efi.loader", efi.loader.replaceAll("/", "\\"));
  return [`iseq \${platform} efi && sanboot --no-describe --drive 0 --filename ${path} ||`];
}
