/**
 * A file that a boot loader looks for by itself, under names built into it:
 * - `ipxe`: `autoexec.ipxe`, which iPXE 2.0 runs first of all
 * - `grub`: its config
 * - `pxelinux`: its config
 */
export type LoaderFile = "ipxe" | "grub" | "pxelinux";

/** `grub.cfg-01-aa-bb-…` and `grub.cfg-C0A84D0A`, shortened from the right (grub-core/net/net.c). */
const GRUB_CONFIG = /^grub\.cfg(?:-[0-9a-f]{2}(?:-[0-9a-f]{2}){6}|-[0-9A-F]{1,8})?$/;

/**
 * What PXELINUX looks for in `pxelinux.cfg`, in this order: the UUID, the
 * hardware type and address, the IP address in hexadecimal, shortened from the
 * right, `default` (core/fs/pxe/pxe.c, pxe_load_config).
 */
const PXELINUX_CONFIGS = [
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  /^[0-9a-f]{2}(?:-[0-9a-f]{2}){6}$/i,
  /^[0-9A-F]{1,8}$/,
  /^default$/,
];

/**
 * Tells what loader looks for a file; `undefined` for any other file. The
 * folder counts for nothing: each distribution builds in a prefix of its own
 * (`grub`, `debian-installer/amd64/grub`, `EFI/fedora`), and PXELINUX looks
 * beside itself. Nor does the machine that the name is of: who asks is known.
 *
 * @example loaderOfFile(["debian-installer", "amd64", "grub", "grub.cfg"]) // "grub"
 */
export function loaderOfFile(segments: readonly string[]): LoaderFile | undefined {
  const name = segments.at(-1) ?? "";
  if (name === "autoexec.ipxe") return "ipxe";
  if (GRUB_CONFIG.test(name)) return "grub";
  const isPxelinux = segments.at(-2) === "pxelinux.cfg";
  return isPxelinux && PXELINUX_CONFIGS.some((pattern) => pattern.test(name)) ? "pxelinux" : undefined;
}
