const LF = 0x0a;
const CR = 0x0d;

/**
 * Converts a file to netascii (RFC 764, as RFC 1350 section 1 has it): LF
 * becomes CR LF, and a CR of its own becomes CR NUL. No byte depends on its
 * neighbours, so that a CR LF in the file becomes CR NUL CR LF and the
 * client reads back what the file holds.
 */
export function encodeNetascii(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let length = bytes.length;
  for (const byte of bytes) if (byte === LF || byte === CR) length++;
  const text = new Uint8Array(length);
  let at = 0;
  for (const byte of bytes) {
    if (byte === LF) text[at++] = CR;
    text[at++] = byte;
    if (byte === CR) at++;
  }
  return text;
}
