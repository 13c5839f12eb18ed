import { EncodeError } from "./errors.ts";
import { type DhcpOption, getOption, type OptionHolder } from "./packet.ts";

type Width = 1 | 2 | 4;

/** An option of one byte (e.g. 53); `undefined` if absent or of another length. */
export function getU8(holder: OptionHolder, code: number): number | undefined {
  return getUnsigned(holder, code, 1);
}

/** An option of two bytes (e.g. 57); `undefined` if absent or of another length. */
export function getU16(holder: OptionHolder, code: number): number | undefined {
  return getUnsigned(holder, code, 2);
}

/** An option of four bytes (e.g. 51); `undefined` if absent or of another length. */
export function getU32(holder: OptionHolder, code: number): number | undefined {
  return getUnsigned(holder, code, 4);
}

/** @throws {EncodeError} `bad-option` if the value is no integer from 0 to 255 */
export function u8Option(code: number, value: number): DhcpOption {
  return unsignedOption(code, value, 1);
}

/** @throws {EncodeError} `bad-option` if the value is no integer from 0 to 65535 */
export function u16Option(code: number, value: number): DhcpOption {
  return unsignedOption(code, value, 2);
}

/** @throws {EncodeError} `bad-option` if the value is no integer from 0 to 4294967295 */
export function u32Option(code: number, value: number): DhcpOption {
  return unsignedOption(code, value, 4);
}

function getUnsigned(holder: OptionHolder, code: number, width: Width): number | undefined {
  const data = getOption(holder, code);
  if (data?.length !== width) return undefined;
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + data[i]!;
  return value;
}

function unsignedOption(code: number, value: number, width: Width): DhcpOption {
  if (!Number.isInteger(value) || value < 0 || value >= 256 ** width) {
    throw new EncodeError("bad-option", `option ${code}: ${value} is no unsigned integer of ${width} bytes`);
  }
  const data = new Uint8Array(width);
  for (let i = width - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) data[i] = rest % 256;
  return { code, data };
}
