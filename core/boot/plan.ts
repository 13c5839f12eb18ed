/**
 * What a decided boot loads, in no boot loader's language: a renderer a dialect
 * (core/render/scripts/) writes it down as an iPXE script, a `grub.cfg`, a
 * `pxelinux.cfg`.
 *
 * URLs are final: signed, with the machine's capability in them. They are
 * absolute paths (`/i/…`, or `/s/TOKEN/i/…` without a relay) of the host that
 * serves the script, whatever name the machine reached it by.
 */
export type BootPlan = LocalPlan | KernelPlan;

/** The machine's own disk: the safe default. */
export type LocalPlan = { readonly kind: "local" };

/** A kernel: an installer, or a system that lives in memory. */
export type KernelPlan = {
  readonly kind: "kernel";
  readonly kernelUrl: string;
  /** In the order in which they are unpacked. */
  readonly initrdUrls: readonly string[];
  /**
   * The profile's kernel arguments, rendered in the `kernel-args` context: one
   * line or several, words as the kernel reads them. A renderer adds what its
   * dialect needs (`initrd=`, `BOOTIF=`). May hold iPXE settings such as
   * `${net0/ip}`, which a dialect without them refuses.
   */
  readonly args: string;
  /**
   * Must be fetched as the last thing before the kernel starts, where no
   * installer fetches an answer of its own. A dialect that cannot do so refuses
   * such a plan.
   */
  readonly commitUrl?: string;
};
