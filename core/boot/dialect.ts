/**
 * The languages that a boot is written down in, one a boot loader, each under
 * a name of its own: `/boot/:mac/NAME`.
 *
 * `commits`: whether the loader can fetch a file as the last thing before the
 * kernel starts, and stay if it does not get it. PXELINUX cannot: what it
 * loads it hands to the kernel.
 */
export const DIALECTS = {
  ipxe: { fileName: "script.ipxe", commits: true },
  grub: { fileName: "grub.cfg", commits: true },
  pxelinux: { fileName: "pxelinux.cfg", commits: false },
} as const satisfies Record<string, { readonly fileName: string; readonly commits: boolean }>;

export type Dialect = keyof typeof DIALECTS;

/** The dialect whose name a script is asked for by; `undefined` for any other name. */
export function dialectOfFile(fileName: string): Dialect | undefined {
  return (Object.keys(DIALECTS) as Dialect[]).find((dialect) => DIALECTS[dialect].fileName === fileName);
}
