/** Where boot files are in R2, beside the files of images. */
export const BOOT_FILE_PREFIX = "boot-files/";

/** The R2 key of a boot file; `null` for what is not the name of one. */
export function bootFileKey(name: string): string | null {
  return /^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/.test(name) ? BOOT_FILE_PREFIX + name : null;
}
