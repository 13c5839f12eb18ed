/**
 * Headers between a relay and the control plane. The control plane reads the
 * first five only from a request that carries a relay's credential, and the
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
  /** In answers to a relay: the site's state revision, a decimal number. */
  STATE: "pxedge-state",
} as const;
