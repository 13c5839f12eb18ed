import { type DhcpOption, getOption, type OptionHolder } from "./packet.ts";

const encoder = new TextEncoder();
// ignoreBOM keeps a leading U+FEFF, so that what was encoded comes back.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * An option of text (e.g. 12, 60, 67) as UTF-8, up to the first NUL: some
 * clients send one (RFC 2132 section 2). `undefined` if absent.
 */
export function getText(holder: OptionHolder, code: number): string | undefined {
  const data = getOption(holder, code);
  return data === undefined ? undefined : readText(data);
}

/** An option of text as UTF-8, not NUL-terminated. */
export function textOption(code: number, text: string): DhcpOption {
  return { code, data: encoder.encode(text) };
}

/** Text up to the first NUL; bytes that are no UTF-8 become U+FFFD. */
export function readText(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  if (nul === 0) return "";
  return decoder.decode(nul < 0 ? bytes : bytes.subarray(0, nul));
}
