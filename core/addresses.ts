/** An Ethernet address as `aa:bb:cc:dd:ee:ff`: the one form used inside; made by `parseMac`. */
export type Mac = string;

/** An IPv4 address in dotted decimal, e.g. `192.168.77.50`. */
export type Ipv4 = string;

/**
 * Parses `aa-bb-cc-dd-ee-ff`, `aa:bb:cc:dd:ee:ff` or `aabbccddeeff`, any case;
 * `undefined` for anything else.
 */
export function parseMac(text: string): Mac | undefined {
  const match = /^([0-9a-f]{2})([:-]?)([0-9a-f]{2})(?:\2[0-9a-f]{2}){4}$/i.exec(text);
  if (match === null) return undefined;
  const digits = text.replace(/[:-]/g, "").toLowerCase();
  return digits.match(/../g)!.join(":");
}

/** Formats a MAC as iPXE's `hexhyp`: `aa-bb-cc-dd-ee-ff`. */
export function formatMacHexhyp(mac: Mac): string {
  return mac.replaceAll(":", "-");
}

/** The six bytes of a MAC. */
export function macBytes(mac: Mac): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(mac.split(":"), (octet) => parseInt(octet, 16));
}

const OCTET = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Formats hardware-address bytes (1 to 16 of them) with colons. */
export function formatMac(bytes: Uint8Array): Mac {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += (i === 0 ? "" : ":") + OCTET[bytes[i]!]!;
  return text;
}

const DOT = 0x2e;
const DIGIT_ZERO = 0x30;

/** Parses dotted decimal into an unsigned 32-bit number; `undefined` for anything else. */
export function parseIpv4(text: string): number | undefined {
  // Character by character: DHCP looks at several addresses a packet.
  let value = 0;
  let octet = 0;
  let digits = 0;
  let parts = 0;
  for (let i = 0; i <= text.length; i++) {
    const char = i === text.length ? DOT : text.charCodeAt(i);
    if (char === DOT) {
      if (digits === 0 || parts === 4) return undefined;
      value = value * 256 + octet;
      parts += 1;
      octet = 0;
      digits = 0;
      continue;
    }
    const digit = char - DIGIT_ZERO;
    // A leading zero would be octal to some readers.
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return undefined;
    octet = octet * 10 + digit;
    digits += 1;
    if (octet > 255) return undefined;
  }
  return parts === 4 ? value : undefined;
}

/** Formats an unsigned 32-bit number as dotted decimal. */
export function formatIpv4(value: number): Ipv4 {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
}
