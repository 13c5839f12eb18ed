import { formatHex } from "../core/bytes.ts";
import { IMAGE_CHUNK_BYTES } from "../core/relay-protocol/image-manifest.ts";

/** Size and SHA-256 of a stream, of the whole and of each MiB, hexadecimal. */
export async function measureFile(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ sizeBytes: number; sha256: string; chunks: string[] }> {
  const whole = new crypto.DigestStream("SHA-256");
  const writer = whole.getWriter();
  const chunks: string[] = [];
  const chunk = new Uint8Array(IMAGE_CHUNK_BYTES);
  let filled = 0;
  let sizeBytes = 0;
  const closeChunk = async () => {
    chunks.push(formatHex(new Uint8Array(await crypto.subtle.digest("SHA-256", chunk.subarray(0, filled)))));
    filled = 0;
  };

  for await (const piece of stream) {
    sizeBytes += piece.length;
    await writer.write(piece);
    for (let offset = 0; offset < piece.length;) {
      const part = piece.subarray(offset, offset + IMAGE_CHUNK_BYTES - filled);
      chunk.set(part, filled);
      filled += part.length;
      offset += part.length;
      if (filled === IMAGE_CHUNK_BYTES) await closeChunk();
    }
  }
  if (filled > 0) await closeChunk();
  await writer.close();
  return { sizeBytes, sha256: formatHex(new Uint8Array(await whole.digest)), chunks };
}
