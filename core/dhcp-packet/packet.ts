/** One option: its code, 1 to 254, and its value of any length, already put together (RFC 3396). */
export type DhcpOption = { readonly code: number; readonly data: Uint8Array };

/** Whatever carries options: a packet, or a reply under construction. */
export type OptionHolder = { readonly options: readonly DhcpOption[] };

/**
 * A DHCPv4 message (RFC 2131 section 2), by its field names.
 *
 * ```
 *  0  op(1) htype(1) hlen(1) hops(1)     28 chaddr(16)
 *  4  xid(4)                             44 sname(64)
 *  8  secs(2) flags(2)                  108 file(128)
 * 12  ciaddr(4) yiaddr(4)               236 99 130 83 99
 * 20  siaddr(4) giaddr(4)               240 options
 * ```
 */
export type DhcpPacket = {
  /** 1 from a client, 2 from a server. */
  readonly op: 1 | 2;
  /** Hardware type; 1 is Ethernet. */
  readonly htype: number;
  /** Bytes in `chaddr`, 0 to 16. */
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  /** Bit 15 (0x8000) asks for broadcast replies. */
  readonly flags: number;
  /** The four addresses in dotted decimal; `0.0.0.0` for none. */
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  /** `hlen` bytes. */
  readonly chaddr: Uint8Array;
  /** Up to the first NUL, as UTF-8; empty where options overloaded the field. */
  readonly sname: string;
  readonly file: string;
  /**
   * In wire order, each code once: instances are concatenated over
   * options → file → sname (RFC 3396), and option 52 is resolved and gone.
   */
  readonly options: readonly DhcpOption[];
};

/** The value of an option as bytes; `undefined` if it is not there. */
export function getOption(holder: OptionHolder, code: number): Uint8Array | undefined {
  for (const option of holder.options) if (option.code === code) return option.data;
  return undefined;
}

/** An option from bytes as they are. */
export function bytesOption(code: number, data: Uint8Array): DhcpOption {
  return { code, data };
}
