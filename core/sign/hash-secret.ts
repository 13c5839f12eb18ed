import { formatHex } from "../bytes.ts";

/** SHA-256 of a text, hexadecimal. Secrets here are random, so that no salt or stretching is needed. */
export async function hashSecret(secret: string): Promise<string> {
  return formatHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret))));
}
