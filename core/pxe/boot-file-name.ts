/**
 * A boot file's name: a path below the TFTP root, e.g. `shimx64.efi` or
 * `debian-installer/amd64/grubx64.efi`. No empty, `.` or `..` segments, and at
 * most the 127 characters that the field `file` of a DHCP packet holds.
 */
export const BOOT_FILE_NAME = /^(?!.*(?:^|\/)\.{0,2}(?:\/|$))[\x21-\x7e]{1,127}$/;

/** What is asked of a name that is none. */
export const BOOT_FILE_NAME_RULE =
  "must be a file name inside the TFTP root, without .. and at most 127 characters";
