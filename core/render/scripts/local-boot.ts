/**
 * BIOS: start the first disk's boot sector (leaving `undionly.kpxe` for the
 * ROM below it does not always reach the disk). Where there is none, what
 * follows leaves iPXE. Not on EFI: there sanboot ignores the boot order and
 * the operating system's own entry (ipxe #1324), or finds no device.
 */
export const LOCAL_DISK_LINES = ["iseq ${platform} pcbios && sanboot --no-describe --drive 0x80 ||"] as const;

/**
 * The lines that end stage one, whether the chained script asked for the
 * local disk or nothing answered in time. BIOS: the firmware tries its next
 * device. EFI: EDK2's boot manager takes a boot option that returns success
 * as the end of booting and opens its menu (BdsDxe, BootBootOptions); an
 * error makes it go on to the next option, the disk. Seen with OVMF 2022.11.
 */
export const LEAVE_LINES = ["iseq ${platform} pcbios && exit 0 ||", "exit 1"] as const;

/**
 * The script of a machine that shall boot its own disk: the safe default, and
 * the same bytes for every machine, known or not. It ends in success, which
 * tells stage one to leave iPXE (`LEAVE_LINES`): to stage one a chained script
 * that fails looks like a failed download, and is tried again.
 */
export function renderLocalBoot(): string {
  return ["#!ipxe", "echo pxedge: booting the local disk", ...LOCAL_DISK_LINES, "exit 0", ""].join("\n");
}
