/** Counters since the start. */
export type DhcpServerStats = {
  received: number;
  /** Of the requests that could be read: how many of each message type, e.g. `discover`; `other` for the rest. */
  readonly receivedByType: Map<string, number>;
  /** No DHCP request at all: dropped before anything is made of it. */
  malformed: number;
  /** Dropped unread: more came than could be answered. */
  overflowed: number;
  offered: number;
  acknowledged: number;
  refused: number;
  informed: number;
  declined: number;
  released: number;
  ignored: number;
  /** Of the ignored and the malformed: how many for each reason. */
  readonly ignoredByReason: Map<string, number>;
  /** Addresses found in use by a probe. */
  conflicts: number;
  /** Replies that could not be made durable, encoded or sent. */
  failed: number;
  /** What was done, but no event told of it: strangers did too much at once. */
  untold: number;
};

export function noStats(): DhcpServerStats {
  return {
    received: 0,
    receivedByType: new Map(),
    malformed: 0,
    overflowed: 0,
    offered: 0,
    acknowledged: 0,
    refused: 0,
    informed: 0,
    declined: 0,
    released: 0,
    ignored: 0,
    ignoredByReason: new Map(),
    conflicts: 0,
    failed: 0,
    untold: 0,
  };
}
