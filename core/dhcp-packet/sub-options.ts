import { EncodeError } from "./errors.ts";
import { END, PAD } from "./layout.ts";
import type { DhcpOption } from "./packet.ts";

export type SubOptionFraming = {
  /**
   * Whether 0 is PAD and 255 is END, as in options 43 (RFC 2132 section 8.4)
   * and 175; in option 82 (RFC 3046) they are codes like others. Default: false.
   */
  readonly end?: boolean;
};

/**
 * The options encapsulated in an option's value, in wire order, repeated ones
 * repeated. END may be missing. `undefined` if the last one is truncated: a
 * stranger's option 43 is often no list at all.
 */
export function decodeSubOptions(data: Uint8Array, framing: SubOptionFraming = {}): DhcpOption[] | undefined {
  const options: DhcpOption[] = [];
  let at = 0;
  while (at < data.length) {
    const code = data[at]!;
    if (framing.end && code === END) return options;
    if (framing.end && code === PAD) {
      at += 1;
      continue;
    }
    const value = at + 2;
    if (value > data.length || value + data[at + 1]! > data.length) return undefined;
    at = value + data[at + 1]!;
    options.push({ code, data: data.subarray(value, at) });
  }
  return options;
}

/**
 * The value of an option that encapsulates others; `end` appends 255.
 *
 * @throws {EncodeError} `bad-option` if a value is over 255 bytes or a code cannot be had
 */
export function encodeSubOptions(
  options: readonly DhcpOption[],
  framing: SubOptionFraming = {},
): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const { code, data } of options) {
    const reserved = framing.end === true && (code === PAD || code === END);
    if (!Number.isInteger(code) || code < 0 || code > 255 || reserved || data.length > 255) {
      throw new EncodeError("bad-option", `sub-option ${code} of ${data.length} bytes cannot be encoded`);
    }
    bytes.push(code, data.length, ...data);
  }
  if (framing.end) bytes.push(END);
  return Uint8Array.from(bytes);
}
