import { formatBase64Url, parseBase64Url } from "../core/bytes.ts";
import { PxedgeError } from "../core/errors.ts";
import { fail, ok, type Result } from "./problem.ts";

const encoder = new TextEncoder();

/** A key of the Worker's SECRET_KEYS; the first one encrypts, all of them decrypt. */
type SecretKey = { readonly kid: string; readonly key: CryptoKey };

/** A value that cannot be decrypted: its key is gone from SECRET_KEYS, or it was tampered with. */
class SecretError extends PxedgeError {
  readonly code = "SECRET_UNREADABLE";
}

/**
 * Encrypts a secret: AES-256-GCM, a fresh 96-bit nonce, its name as associated
 * data, so that one stored value cannot take another's place.
 *
 * @param secretKeys `kid:base64url(32 bytes)`, comma-separated; the first one is used
 * @returns `kid.nonce.ciphertext`, the last two base64url
 */
export async function sealSecret(
  secretKeys: string,
  name: string,
  value: string,
): Promise<{ kid: string; sealed: string }> {
  const [first] = await importKeys(secretKeys);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: associatedData(name) },
    first!.key,
    encoder.encode(value),
  );
  const parts = [first!.kid, formatBase64Url(iv), formatBase64Url(new Uint8Array(sealed))];
  return { kid: first!.kid, sealed: parts.join(".") };
}

/** @throws SecretError */
async function openSecret(secretKeys: string, name: string, sealed: string): Promise<string> {
  const [kid, iv, data] = sealed.split(".");
  const entry = (await importKeys(secretKeys)).find((key) => key.kid === kid);
  const [ivBytes, dataBytes] = [parseBase64Url(iv ?? ""), parseBase64Url(data ?? "")];
  if (entry === undefined || ivBytes === undefined || dataBytes === undefined) {
    throw new SecretError(`secret ${name} is encrypted with the key ${kid}, which SECRET_KEYS does not hold`);
  }
  try {
    const plain = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: ivBytes, additionalData: associatedData(name) },
      entry.key,
      dataBytes,
    );
    return new TextDecoder().decode(plain);
  } catch (cause) {
    throw new SecretError(`secret ${name} does not decrypt with the key ${kid}`, { cause });
  }
}

/** Decrypts secrets by name; `unavailable`, naming the first of them that cannot be read. */
export async function openSecrets(
  secretKeys: string,
  sealed: Readonly<Record<string, string>>,
): Promise<Result<Record<string, string>>> {
  const entries = Object.entries(sealed).map(
    async ([name, text]) => [name, await openSecret(secretKeys, name, text)] as const,
  );
  try {
    return ok(Object.fromEntries(await Promise.all(entries)));
  } catch (error) {
    if (error instanceof SecretError) return fail("unavailable", error.message);
    throw error;
  }
}

function associatedData(name: string): Uint8Array {
  return encoder.encode(`pxedge/secret/v1/${name}`);
}

async function importKeys(secretKeys: string | undefined): Promise<SecretKey[]> {
  return await Promise.all(
    (secretKeys ?? "").split(",").map(async (entry) => {
      const [, kid, text] = /^([a-z0-9-]{1,16}):([A-Za-z0-9_-]+)$/.exec(entry.trim()) ?? [];
      const bytes = parseBase64Url(text ?? "");
      if (kid === undefined || bytes?.length !== 32) {
        throw new SecretError("SECRET_KEYS must be kid:base64url(32 bytes), comma-separated");
      }
      return {
        kid,
        key: await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]),
      };
    }),
  );
}
