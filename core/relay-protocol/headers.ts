/**
 * Headers between a relay and the control plane. The control plane reads what
 * says who the client is, and callbacks' ids, only from a request that carries a relay's credential, and the
 * relay strips them from what its clients send.
 */
export const RELAY_HEADER = {
  /** The client's IPv4 address as the relay saw it. */
  CLIENT_IP: "pxedge-client-ip",
  /** The client's MAC as the relay observed it; absent when it could not tell. */
  CLIENT_MAC: "pxedge-client-mac",
  /** Where the MAC was observed: `lease`, `neighbour` or `dhcp`. */
  CLIENT_MAC_SOURCE: "pxedge-client-mac-source",
  /** The relay's interface that the client reached. */
  INTERFACE: "pxedge-interface",
  /** The URL under which the client reaches the relay, e.g. `http://192.168.77.1:8080`. */
  BASE_URL: "pxedge-base-url",
  /** Of a callback: the id of the event that it becomes. A relay that is not sure whether it arrived repeats both. */
  EVENT_ID: "pxedge-event-id",
  /** In answers to a relay: the site's state revision, a decimal number. */
  STATE: "pxedge-state",
  /**
   * In a script for a relay: that the relay may give it to this machine again
   * while the control plane does not answer, see `Repeatable`. Absent from
   * whatever installs, holds a capability or a secret, or was chosen in a menu.
   */
  REPEATABLE: "pxedge-repeatable",
  /**
   * In a script, an answer or what acknowledges a callback, for a relay: the id
   * of the attempt that it belongs to, for the relay's log. Absent where it
   * belongs to none.
   */
  ATTEMPT: "pxedge-attempt",
} as const;

/**
 * How a script may be given again:
 * - `as-is`: the local disk, or another server
 * - `signed-anew`: a system that lives in memory and fetches no answers; its
 *   image URLs end, so the relay signs them again
 */
export const REPEATABLE = ["as-is", "signed-anew"] as const;
export type Repeatable = (typeof REPEATABLE)[number];
