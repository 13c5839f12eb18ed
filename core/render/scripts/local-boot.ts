/** BIOS: start the first disk's boot sector. Where there is none, what follows leaves iPXE. */
export const LOCAL_DISK_LINES = ["iseq ${platform} pcbios && sanboot --no-describe --drive 0x80 ||"] as const;

/**
 * The lines that end stage one, whether the chained script asked for the
 * local disk or nothing answered in time. BIOS: the firmware tries its next
 * device. EFI: EDK2's boot manager takes a boot option that returns success
 * as the end of booting and opens its menu (BdsDxe, BootBootOptions); an
 * error makes it go on to the next option, the disk.
 */
export const LEAVE_LINES = ["iseq ${platform} pcbios && exit 0 ||", "exit 1"] as const;

/**
 * The script of a machine that shall boot its own disk: the safe default, and
 * the same bytes for every machine, known or not. It ends in success, which
 * tells stage one to leave iPXE: a chained script that fails is tried again.
 */
export function renderLocalBoot(): string {
  return ["#!ipxe", "echo pxedge: booting the local disk", ...LOCAL_DISK_LINES, "exit 0", ""].join("\n");
}
