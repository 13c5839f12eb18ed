import type { Ipv4, Mac } from "../addresses.ts";

/** The layers a boot passes through, in order; an event belongs to exactly one. */
export const STAGES = ["dhcp", "tftp", "http", "decision", "answer", "callback"] as const;
export type Stage = (typeof STAGES)[number];

/**
 * Every event name, by stage: the whole vocabulary of a timeline. A name, once
 * released, keeps its meaning; new ones may be added.
 */
export const EVENT_NAMES = {
  dhcp: [
    "offered", // detail: address, arch, vendorClass, userClass, bootFile, client
    "acknowledged", // detail as for `offered`
    "refused", // a NAK; detail: requested, reason
    "informed", // an INFORM answered
    "declined", // the client found its address taken; detail: address
    "released", // detail: address
    "ignored", // sampled; detail: reason, count since the last such event
    "pool-exhausted", // no free address
    "conflict", // an address answered a probe; detail: address
    "other-server", // another DHCP server was seen; detail: address
  ],
  tftp: [
    "sent", // a whole transfer; detail: file, bytes, blocks, resent, durationMs
    "probed", // the client asked for the size and left; detail: file
    "refused", // detail: file, code, reason
    "failed", // detail: file, reason, bytes
  ],
  http: [
    "served", // detail: method, path (redacted), status, bytes, durationMs; source of an image's bytes: cache, fill, origin
    "failed", // detail: method, path, reason
    "cached", // an image file is whole in the relay's cache; detail: image, revision, path, bytes, durationMs
    "uncached", // a file of an image or a mirror is served and cannot be kept; sampled; detail: image, revision, path, reason
    "rejected", // the origin's bytes are not what the manifest says; detail: image, revision, path, reason
    "dropped", // the relay's journal was full; detail: how many events of each stage were lost
  ],
  decision: [
    "armed", // detail: profile, by
    "disarmed",
    "superseded", // detail: by (the newer attempt)
    "served", // a script; detail: kind, reason, dialect
    "refused", // detail: dialect, reason: its boot loader cannot do what was decided, so it boots the local disk
    "expired",
    "boot-loop", // too many serves before a commit
    "stalled", // past the install deadline
    "discovered", // an unknown machine was recorded
  ],
  answer: [
    "served", // detail: file
    "committed", // detail: file
    "refused", // detail: reason
  ],
  /** The first five are what installers report, see `CALLBACK_NAMES`. */
  callback: ["started", "progress", "installed", "failed", "log", "refused", "rebooted"],
} as const satisfies Record<Stage, readonly string[]>;

/** What an installer may report by `/e/CAPABILITY/NAME`. */
export const CALLBACK_NAMES = ["started", "progress", "installed", "failed", "log"] as const;
export type CallbackName = (typeof CALLBACK_NAMES)[number];

export function isCallbackName(name: string): name is CallbackName {
  return (CALLBACK_NAMES as readonly string[]).includes(name);
}

/** Of what an installer says, so much is kept: the end of its log says more than the beginning. */
export const MAX_CALLBACK_MESSAGE_LENGTH = 1_000;

export type EventName<S extends Stage> = (typeof EVENT_NAMES)[S][number];

/** Values an event's detail may hold: flat, so that it prints as one line. */
export type EventDetail = Record<string, string | number | boolean | null>;

/** What a layer says; the journal adds `id` and `at`. */
export type BootEventInput = {
  [S in Stage]: {
    readonly mac: Mac | null;
    readonly attempt?: string;
    readonly stage: S;
    readonly name: EventName<S>;
    readonly detail: EventDetail;
  };
}[Stage];

/**
 * One thing that happened to one machine.
 *
 * @example { id: "9f…", at: "2026-11-21T07:00:00.000Z", mac: "52:54:00:00:00:01",
 *            stage: "tftp", name: "sent", detail: { file: "snponly.efi", bytes: 173792 } }
 */
export type BootEvent = BootEventInput & {
  /** Unique for ever; the control plane deduplicates by it. At most 64 characters. */
  readonly id: string;
  /** When it was observed, ISO 8601 in UTC with milliseconds. */
  readonly at: string;
  /**
   * Of a callback that the relay acknowledged while it could not pass it on:
   * the SHA-256 of its capability's secret. The control plane acts on it as on
   * the callback itself.
   */
  readonly capabilityHash?: string;
};

/** A layer's way to report; must not throw and must not block. */
export type EventSink = (event: BootEventInput) => void;

/** Events a relay may send in one POST. */
export const MAX_EVENTS_PER_POST = 500;

/** Who a client is, as the relay saw it. */
export type ObservedClient = {
  readonly ip: Ipv4;
  readonly mac: Mac | null;
  readonly source: "lease" | "neighbour" | "dhcp" | null;
  readonly interface: string | null;
};
