import type { Ipv4 } from "../../core/addresses.ts";
import type { DhcpPacket } from "../../core/dhcp-packet/index.ts";
import type { BootEventInput } from "../../core/relay-protocol/events.ts";
import type { LeaseChange } from "../leases/lease.ts";

/** Why a packet gets no reply. The last two are as it should be: the protocol has none for them. */
export type SilentReason =
  /** Option 53 is missing, or is none that a client sends. */
  | "no-client-message"
  | "no-hardware-address"
  /** From a relay agent (giaddr): its network is not served here. */
  | "relayed"
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
  | "declined"
  | "released";

/** What comes of a packet. */
export type Outcome =
  | {
      readonly kind: "reply";
      readonly packet: DhcpPacket;
      /** Most bytes of the UDP payload. */
      readonly maxBytes: number;
      readonly destination: { readonly address: Ipv4; readonly port: number };
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
    };

/** No reply, and nothing happens. */
export function silent(reason: SilentReason): Outcome {
  return { kind: "silent", reason, changes: [], event: null };
}
