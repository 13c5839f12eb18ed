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

/** Formats hardware-address bytes (1 to 16 of them) with colons. */
export function formatMac(bytes: Uint8Array): Mac {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** Parses dotted decimal into an unsigned 32-bit number; `undefined` for anything else. */
export function parseIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let value = 0;
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith("0"))) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

/** Formats an unsigned 32-bit number as dotted decimal. */
export function formatIpv4(value: number): Ipv4 {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
}
