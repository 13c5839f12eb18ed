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
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** Writes dotted decimal as four bytes; false, and nothing of use written, if it is not that. */
export function writeIpv4(bytes: Uint8Array, at: number, address: string): boolean {
  const parts = address.split(".");
  if (parts.length !== ADDRESS_BYTES) return false;
  for (const [i, part] of parts.entries()) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return false;
    bytes[at + i] = Number(part);
  }
  return true;
}
