import type { DhcpPacket } from "../../core/dhcp-packet/index.ts";
import type { BootEventInput, EventDetail } from "../../core/relay-protocol/events.ts";
import type { BootDirection } from "./boot-directions.ts";
import type { LeaseChange } from "../leases/lease.ts";
import type { Endpoint } from "../net/message-vector.ts";

/** Why a packet gets no reply. The last two are as it should be: the protocol has none for them. */
export type SilentReason =
  /** Option 53 is missing, or is none that a client sends. */
  | "no-client-message"
  | "no-hardware-address"
  /** Through a relay agent, from a network that is not served here. */
  | "unknown-network"
  /** The site does not know the machine, and only those it knows are answered. */
  | "not-registered"
  /** Option 60 is none of those that are answered. */
  | "other-vendor-class"
  /** The port of a switch (option 82) holds as many addresses as it may. */
  | "port-limit"
  /** A REQUEST that names no address. */
  | "no-address-named"
  /** The client took another server's offer. */
  | "other-server-chosen"
  /** The client asks to go on with a lease of which nothing is known here: it may be another server's. */
  | "unknown-client"
  /** An INFORM from an address outside this network. */
  | "not-in-subnet"
  /** A DECLINE or RELEASE of an address that the sender does not hold. */
  | "not-the-holder"
  | "pool-exhausted"
  /** A proxy leaves it to the site's own server. */
  | "not-for-a-proxy"
  | "address-from-other-server"
  /** `auto` waits for the server that it is to be a proxy beside. */
  | "no-other-server"
  /** A proxy says nothing to who does not boot from the network. */
  | "no-boot-client"
  /** A proxy has nothing for the client to boot. */
  | Extract<BootDirection, { kind: "none" }>["reason"]
  | "declined"
  | "released";

/** Where a reply goes to. */
export type Destination = Endpoint;

/** What comes of a packet. */
export type Outcome =
  | {
      readonly kind: "reply";
      readonly packet: DhcpPacket;
      /** Most bytes of the UDP payload. */
      readonly maxBytes: number;
      readonly destination: Destination;
      /** What must be durable before the reply leaves. */
      readonly changes: readonly LeaseChange[];
      readonly event: BootEventInput;
    }
  | {
      readonly kind: "silent";
      readonly reason: SilentReason;
      readonly changes: readonly LeaseChange[];
      /** `null`: the reason is all there is to say, and it is told sampled. */
      readonly event: BootEventInput | null;
      /** What else is to be said of the reason. */
      readonly detail: EventDetail;
    };

/** No reply, and nothing happens. */
export function silent(reason: SilentReason, detail: EventDetail = {}): Outcome {
  return { kind: "silent", reason, changes: [], event: null, detail };
}
