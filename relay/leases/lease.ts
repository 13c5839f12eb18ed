import type { Ipv4, Mac } from "../../core/addresses.ts";

/**
 * Who a client says it is, in lower-case hexadecimal: the value of option 61
 * if it sends one, else hardware type and address (RFC 2131 section 2). One
 * that sends the customary 01 + MAC as option 61 is the same client either way.
 */
export type ClientKey = string;

/** What spoke for a machine: its boot firmware (a PXE ROM, iPXE, UEFI HTTP boot), or a running system. */
export type Speaker = "firmware" | "system";

/** One address given to one client. */
export type Lease = {
  readonly address: Ipv4;
  /** The network it lies in, e.g. `192.168.77.0/24`; a client has one lease in each at most. */
  readonly subnet: string;
  readonly clientKey: ClientKey;
  /** The hardware address it was acknowledged to last. */
  readonly mac: Mac;
  readonly speaker: Speaker;
  /** Option 12, as the client sent it. */
  readonly hostname: string | null;
  /** The port of a switch (option 82) that it was asked for through. */
  readonly port: string | null;
  /** A released lease is kept so that a client that returns gets its address again. */
  readonly state: "bound" | "released";
  /** Milliseconds since the epoch; of a released lease, when it was released. */
  readonly expiresAt: number;
};

/** An address that a client found taken by somebody else; not given out until then. */
export type Quarantine = {
  readonly address: Ipv4;
  /** Milliseconds since the epoch. */
  readonly until: number;
};

/** One thing that happens to an address. */
export type LeaseChange =
  /** Ends whatever else the client, or the address, was part of. */
  | { readonly kind: "bind"; readonly lease: Lease }
  | { readonly kind: "release"; readonly address: Ipv4; readonly at: number }
  /** Ends the lease on the address, too. */
  | { readonly kind: "quarantine"; readonly quarantine: Quarantine };

/** Whether a client may be using the address just now. */
export function isLive(lease: Lease, now: number): boolean {
  return lease.state === "bound" && lease.expiresAt > now;
}
