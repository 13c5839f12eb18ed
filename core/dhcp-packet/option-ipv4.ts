import { EncodeError } from "./errors.ts";
import { type DhcpOption, getOption, type OptionHolder } from "./packet.ts";

const ADDRESS_BYTES = 4;

/** An option of one address (e.g. 1, 50, 54); `undefined` if absent or not 4 bytes long. */
export function getIpv4(holder: OptionHolder, code: number): string | undefined {
  const data = getOption(holder, code);
  return data?.length === ADDRESS_BYTES ? readIpv4(data, 0) : undefined;
}

/** An option of one or more addresses (e.g. 3, 6); `undefined` if absent, empty or not a multiple of 4. */
export function getIpv4List(holder: OptionHolder, code: number): string[] | undefined {
  const data = getOption(holder, code);
  if (data === undefined || data.length === 0 || data.length % ADDRESS_BYTES !== 0) return undefined;
  return Array.from({ length: data.length / ADDRESS_BYTES }, (_, i) => readIpv4(data, i * ADDRESS_BYTES));
}

/**
 * An option of one address in dotted decimal.
 *
 * @throws {EncodeError} `bad-option` if it is none
 */
export function ipv4Option(code: number, address: string): DhcpOption {
  return ipv4ListOption(code, [address]);
}

/**
 * An option of one or more addresses in dotted decimal.
 *
 * @throws {EncodeError} `bad-option` if one is none, or there is none
 */
export function ipv4ListOption(code: number, addresses: readonly string[]): DhcpOption {
  if (addresses.length === 0) throw new EncodeError("bad-option", `option ${code} needs an address`);
  const data = new Uint8Array(addresses.length * ADDRESS_BYTES);
  for (const [i, address] of addresses.entries()) {
    if (!writeIpv4(data, i * ADDRESS_BYTES, address)) {
      throw new EncodeError("bad-option", `option ${code}: ${JSON.stringify(address)} is no IPv4 address`);
    }
  }
  return { code, data };
}

/** Formats the four bytes at an offset. */
export function readIpv4(bytes: Uint8Array, at: number): string {
  // What most of a packet's address fields hold.
  if (bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2] === 0 && bytes[at + 3] === 0) return "0.0.0.0";
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

const DOT = 0x2e;
const DIGIT_ZERO = 0x30;

/**
 * Writes dotted decimal as four bytes; false, and nothing of use written, if it
 * is not that. Character by character, as a reply holds six addresses.
 */
export function writeIpv4(bytes: Uint8Array, at: number, address: string): boolean {
  let octet = 0;
  let digits = 0;
  let written = 0;
  for (let i = 0; i <= address.length; i++) {
    const char = i === address.length ? DOT : address.charCodeAt(i);
    if (char === DOT) {
      if (digits === 0 || written === ADDRESS_BYTES) return false;
      bytes[at + written] = octet;
      written += 1;
      octet = 0;
      digits = 0;
      continue;
    }
    const digit = char - DIGIT_ZERO;
    // A leading zero would be octal to some readers.
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return false;
    octet = octet * 10 + digit;
    digits += 1;
    if (octet > 255) return false;
  }
  return written === ADDRESS_BYTES;
}
