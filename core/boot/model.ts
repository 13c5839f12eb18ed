import type { Mac } from "../addresses.ts";
import type { VariableValue } from "../render/variables.ts";

export type Variables = Readonly<Record<string, VariableValue>>;

/** One or more MACs of one box; belongs to one site. */
export type Machine = {
  /** Immutable, so that a NIC swap or a new name keeps the history. */
  readonly id: string;
  readonly name: string;
  readonly macs: readonly Mac[];
  readonly uuid?: string;
  readonly serial?: string;
  readonly address?: string;
  /** What `arm` takes when it names none, and what the machine boots unarmed, see `Profile`. */
  readonly profile?: string;
  readonly localBoot?: LocalBoot;
  readonly variables: Variables;
};

/** How one machine starts its own disk where the usual way does not do, by its firmware. */
export type LocalBoot = {
  /**
   * The drive whose boot sector is started, by its BIOS number: 128 is the first
   * disk. `exit`: none; the firmware goes on with its own boot order.
   */
  readonly bios?: "exit" | { readonly drive: number };
  /**
   * `exit-success`: the boot loader ends without an error, for firmware that stops
   * at one; else a loader by its path on an EFI system partition.
   */
  readonly efi?: "exit-success" | { readonly loader: string };
};

/** How a machine boots. */
export type Profile = InstallProfile | LiveProfile | MenuProfile | ChainProfile | SanProfile | LocalProfile;

/** A profile that starts a kernel of an image. */
export type KernelProfile = InstallProfile | LiveProfile;

/** A profile that starts none by itself. */
export type PlainProfile = Exclude<Profile, KernelProfile>;

/**
 * What is loaded beside a kernel: a file of the image by its path, under a name
 * of its own where a program looks for it by that, or an answer file, which
 * iPXE then fetches instead of an installer.
 */
export type Initrd =
  | string
  | { readonly file: string; readonly name: string }
  | { readonly answer: string; readonly name?: string };

/**
 * How a kernel is told what to do. `linux` gets its initrds by `initrd=` and the
 * NIC that booted by `BOOTIF=`. `plain` gets the profile's arguments and nothing
 * else, and its initrds by name: wimboot, memtest86+, ESXi's mboot.
 */
export const KERNEL_PROTOCOLS = ["linux", "plain"] as const;
export type KernelProtocol = (typeof KERNEL_PROTOCOLS)[number];

type StartsKernel = {
  /** The image that holds kernel and initrds. */
  readonly image: string;
  /** Path inside the image. */
  readonly kernel: string;
  readonly protocol?: KernelProtocol;
  /** Files first: an answer that is fetched commits, and belongs right before the start. */
  readonly initrds?: readonly Initrd[];
  /** Kernel arguments: mustache in the `kernel-args` context. */
  readonly args?: string;
  /** Answer files by the name they are fetched under. */
  readonly answers?: Readonly<Record<string, AnswerFile>>;
  readonly variables?: Variables;
};

/** Installs, once an arm. Without one, its machines boot their disk. */
export type InstallProfile = StartsKernel & {
  readonly mode: "install";
  /** From the commit until the attempt is called stalled. */
  readonly installDeadlineSeconds?: number;
  readonly onFailure?: OnFailure;
  /** Name of the live profile that `onFailure: rescue` boots. */
  readonly rescue?: string;
};

/**
 * What a machine boots after an install that failed, until somebody acts: its
 * disk, a live system for repairs, or nothing, saying why.
 */
export const ON_FAILURE = ["local", "rescue", "hold"] as const;
export type OnFailure = (typeof ON_FAILURE)[number];

/** A system that lives in memory: served at each boot. */
export type LiveProfile = StartsKernel & { readonly mode: "live" };

/** Another server's script or program. */
export type ChainProfile = {
  readonly mode: "chain";
  /** Absolute, `http:` or `https:`: mustache in the `ipxe` context. */
  readonly url: string;
  readonly variables?: Variables;
};

/** A disk over the network, which the machine boots as its own, each time. */
export type SanProfile = {
  readonly mode: "san";
  /** `iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET` (RFC 4173). Each text is mustache in the `ipxe` context. */
  readonly uri: string;
  /** The machine's iSCSI qualified name; iPXE makes one of its own where there is none. */
  readonly initiator?: string;
  /** By CHAP; the password may name a secret. */
  readonly username?: string;
  readonly password?: string;
  readonly variables?: Variables;
};

/** The members that are mustache. */
export const SAN_TEXTS = ["uri", "initiator", "username", "password"] as const;

/** A choice for whoever stands before the machine. */
export type MenuProfile = {
  readonly mode: "menu";
  readonly title: string;
  readonly items: readonly MenuItem[];
  /** Key of the item that is taken when the time is up; never one that installs. */
  readonly default: string;
  /** `null`: waits until somebody chooses. */
  readonly timeoutSeconds: number | null;
};

/** One line of a menu: a profile of its own, or something that every boot loader can do. */
export type MenuItem = {
  readonly key: string;
  readonly label: string;
  /** Neighbours of one group stand under its name. */
  readonly group?: string;
  /** A letter or digit that chooses it at once. */
  readonly hotkey?: string;
} & (
  | { readonly profile: string; readonly action?: undefined }
  | { readonly profile?: undefined; readonly action: "local" | "exit" | "shell" | "reboot" }
);

/** The machine's own disk. */
export type LocalProfile = { readonly mode: "local" };

/**
 * `once`: the same bytes again for 15 minutes after the first fetch, then
 * refused. `attempt`: served as long as the attempt lives.
 */
export type AnswerFile = { readonly template: string; readonly lifetime?: "once" | "attempt" };

export const ATTEMPT_STATES = [
  "armed",
  "booting",
  "committed",
  "installing",
  "installed",
  "failed",
  "stalled",
  "expired",
  "disarmed",
] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];

/** One run of an install order. Times are milliseconds since the epoch. */
export type Attempt = {
  readonly id: string;
  readonly machineId: string;
  readonly profile: string;
  readonly profileRevision: string;
  readonly state: AttemptState;
  readonly armedAt: number;
  /** Before a commit, how long the order stands, from arming or from a retry. */
  readonly ttlMs: number;
  /** Before a commit, the end of the order. */
  readonly expiresAt: number;
  /** How long an install may take, from its commit. */
  readonly installDeadlineMs: number;
  /** How often the script was served since the last (re-)arm. */
  readonly serves: number;
  /** Commits so far: never more than 1 + retries. */
  readonly installs: number;
  readonly retries: number;
  readonly committedAt: number | null;
  /** Disarmed after the commit: answers are refused, callbacks still count, nothing is retried. */
  readonly answersRevoked: boolean;
  readonly endedAt: number | null;
  /** What its machine boots where it failed; absent: the local disk. */
  readonly onFailure?: Exclude<OnFailure, "local">;
  /** Somebody acted upon the failure. */
  readonly released?: boolean;
  /** Why it ended, where the state alone does not say. */
  readonly reason: string | null;
};
