import type { LocalBoot } from "./model.ts";

/**
 * What a decided boot loads, in no boot loader's language: a renderer a dialect
 * (core/render/scripts/) writes it down as an iPXE script, a `grub.cfg`, a
 * `pxelinux.cfg`.
 *
 * URLs are final: signed, with the machine's capability in them. They are
 * absolute paths (`/i/…`, or `/s/TOKEN/i/…` without a relay) of the host that
 * serves the script, whatever name the machine reached it by.
 */
export type BootPlan = LocalPlan | KernelPlan | ChainPlan | SanPlan | MenuPlan | HoldPlan | RetryPlan;

/** The machine's own disk: the safe default. */
export type LocalPlan = {
  readonly kind: "local";
  /** What this machine needs; never of one that is not known for sure. */
  readonly localBoot?: LocalBoot;
};

/** A kernel: an installer, or a system that lives in memory. */
export type KernelPlan = {
  readonly kind: "kernel";
  readonly kernelUrl: string;
  /** In the order in which they are unpacked. */
  readonly initrdUrls: readonly string[];
  /**
   * Of a program that is no Linux kernel, such as wimboot: the name that it finds
   * each initrd by. Only iPXE starts one.
   */
  readonly plain?: { readonly initrdNames: readonly string[] };
  /**
   * The profile's kernel arguments, rendered in the `kernel-args` context: one
   * line or several, words as the kernel reads them. A renderer adds what Linux
   * needs of its dialect (`initrd=`, `BOOTIF=`). May hold iPXE settings such as
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

/** Another server's script or program, e.g. netboot.xyz. */
export type ChainPlan = {
  readonly kind: "chain";
  /** Absolute, `http:` or `https:`. */
  readonly url: string;
};

/** A disk over the network. */
export type SanPlan = {
  readonly kind: "san";
  readonly uri: string;
  readonly initiator?: string;
  readonly username?: string;
  readonly password?: string;
};

/** A menu for whoever stands before the machine; without anybody, its default. */
export type MenuPlan = {
  readonly kind: "menu";
  readonly title: string;
  /** In their order; neighbours of one group stand under its name. */
  readonly items: readonly MenuEntry[];
  /** Key of the item that is taken when the time is up, and where no menu can be shown. */
  readonly defaultItem: string;
  /** `null`: waits until somebody chooses. */
  readonly timeoutSeconds: number | null;
  /** As in `LocalPlan`, for its items that boot the local disk. */
  readonly localBoot?: LocalBoot;
  /** Names this showing of the menu; what is chosen in it is asked for with it. */
  readonly token: string;
};

/** One line of a menu. */
export type MenuEntry = {
  /** Letters, digits and dashes. */
  readonly key: string;
  readonly label: string;
  readonly group?: string;
  /** A letter or digit that chooses it at once; a dialect without such keys leaves it out. */
  readonly hotkey?: string;
  readonly action: MenuAction;
};

/**
 * - `ask`: the machine's own script again, with `item=KEY&menu=TOKEN` in its query;
 * - `local`: the local disk; `exit`: back to the firmware, for its next boot device;
 * - `shell`: the boot loader's command line; a dialect without one leaves the item out.
 */
export type MenuAction = "ask" | "local" | "exit" | "shell" | "reboot";

/** Nothing: says why and waits, asking again now and then, until somebody acts. */
export type HoldPlan = {
  readonly kind: "hold";
  /** One line each. */
  readonly message: readonly string[];
  readonly askAgainSeconds: number;
};

/**
 * No decision could be had in time: says why, waits, and asks for the machine's
 * own script again, once, with `waited=SECONDS` in the query. Whoever answers
 * then sees how long the machine has waited, and sends it to its local disk
 * when that is enough. Where asking fails, it ends with an error.
 */
export type RetryPlan = {
  readonly kind: "retry";
  /** One line each. */
  readonly message: readonly string[];
  readonly askAgainSeconds: number;
  /** What `waited` is then: whole seconds since the machine first asked. */
  readonly waitedSeconds: number;
  /** What was chosen in a menu and has not been answered: asked for again. */
  readonly choice?: { readonly item: string; readonly menu: string };
};
