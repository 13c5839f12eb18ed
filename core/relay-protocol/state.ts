import type { Ipv4, Mac } from "../addresses.ts";

/** Client firmware as a boot file is chosen for it. */
export const FIRMWARE_CLASSES = [
  "bios",
  "efi-ia32",
  "efi-x86_64",
  "efi-arm32",
  "efi-arm64",
  "efi-riscv64",
  "efi-loongarch64",
  "raspberry-pi",
] as const;
export type FirmwareClass = (typeof FIRMWARE_CLASSES)[number];

/** Boot files in order of preference, a firmware class. */
export type BootFiles = Partial<Record<FirmwareClass, readonly string[]>>;

/** What a relay needs to know of a machine: identity, reservation, boot files. */
export type RelayMachine = {
  /** Immutable. */
  readonly id: string;
  readonly name: string;
  readonly macs: readonly Mac[];
  readonly uuid?: string;
  readonly serial?: string;
  /** A reserved address: given to this machine only. */
  readonly address?: Ipv4;
  readonly bootFiles?: BootFiles;
  /** It boots a system that lives in memory: stage one waits for ever, there is no disk to fall back to. */
  readonly diskless?: true;
};

/** A key that verifies (and signs) this site's image URLs; see core/sign. */
export type RelayImageKey = {
  readonly kid: string;
  /** 32 bytes, base64url: HKDF of the master key for this site. */
  readonly key: string;
};

/** One file of an image that an active attempt needs. */
export type PrefetchFile = {
  readonly image: string;
  readonly revision: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** Of the whole file, lower-case hexadecimal. */
  readonly sha256: string;
};

/**
 * The answer to `GET /relay/v1/state?after=REV`: all that changed after REV.
 * `full` says that it replaces what the relay holds; else `machines` are added
 * or replaced by id and `removed` are taken out; the other members are whole.
 */
export type RelayState = {
  /** Monotonic per site; sent back as `after`. */
  readonly revision: number;
  readonly full: boolean;
  readonly site: {
    readonly id: string;
    readonly name: string;
    /** How long stage one waits for a script before it boots the local disk; `null`: for ever. */
    readonly bootWaitSeconds: number | null;
    readonly bootFiles?: BootFiles;
  };
  readonly machines: readonly RelayMachine[];
  /** Ids of machines that are gone. */
  readonly removed: readonly string[];
  readonly imageKeys: readonly RelayImageKey[];
  readonly prefetch: readonly PrefetchFile[];
};
