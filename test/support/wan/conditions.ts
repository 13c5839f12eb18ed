/**
 * What a WAN does to those who use it. An *exchange* is a request and its
 * answer, told by the direction in which bytes go: it begins where the client
 * sends after the server has.
 */
export type WanConditions = {
  /**
   * - `up`: bytes pass
   * - `refused`: connections are reset, the open ones too
   * - `silent`: nothing passes and nothing says so; what is under way waits
   */
  readonly state: "up" | "refused" | "silent";
  /** Half of it each way; opening a connection takes one more. */
  readonly roundTripMs: number;
  /** Of the link as a whole, each way, shared by all connections in turn; `null`: no limit. */
  readonly bitsPerSecond: number | null;
  /** Share of new connections that are reset, 0 to 1. */
  readonly resetShare: number;
  /** Share of exchanges whose answer stops for `stallMs` after `stallAfterBytes`. */
  readonly stallShare: number;
  readonly stallAfterBytes: number;
  /** `null`: it never goes on. */
  readonly stallMs: number | null;
  /** Share of exchanges whose connection is reset after `cutAfterBytes` of the answer. */
  readonly cutShare: number;
  readonly cutAfterBytes: number;
};

/** A wire: what a WAN is before anything is said of it. */
export const PERFECT_WAN: WanConditions = {
  state: "up",
  roundTripMs: 0,
  bitsPerSecond: null,
  resetShare: 0,
  stallShare: 0,
  stallAfterBytes: 0,
  stallMs: null,
  cutShare: 0,
  cutAfterBytes: 0,
};

/** What passed, counted where it left the WAN. */
export type WanCounts = {
  readonly connections: number;
  readonly exchanges: number;
  readonly stalled: number;
  readonly cut: number;
  /** From clients to the server, and back: bytes of TCP payload. */
  readonly bytesUp: number;
  readonly bytesDown: number;
};
