/** Where the fields of RFC 2131 section 2 lie, in bytes. */
export const FIELD = {
  CIADDR: 12,
  YIADDR: 16,
  SIADDR: 20,
  GIADDR: 24,
  CHADDR: 28,
  SNAME: 44,
  FILE: 108,
  COOKIE: 236,
  OPTIONS: 240,
} as const;

export const CHADDR_BYTES = FIELD.SNAME - FIELD.CHADDR;
export const SNAME_BYTES = FIELD.FILE - FIELD.SNAME;
export const FILE_BYTES = FIELD.COOKIE - FIELD.FILE;

/** 99.130.83.99 (RFC 2131 section 3). */
export const MAGIC_COOKIE = 0x63825363;

export const PAD = 0;
export const END = 255;

/** Bits of option 52, Overload (RFC 2132 section 9.3). */
export const OVERLOAD = { CODE: 52, FILE: 1, SNAME: 2 } as const;
