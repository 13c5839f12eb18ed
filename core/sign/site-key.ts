const INFO = "pxedge/image-url/v1/site/";

/**
 * Derives a site's key for image URLs from the control plane's master key:
 * HKDF-SHA256 (RFC 5869) without salt, `info` naming use, version and site.
 * A relay holds its site's key only, so a stolen relay can sign for its own
 * site at most.
 *
 * @returns 32 bytes
 */
export async function deriveSiteKey(masterKey: Uint8Array, siteId: string): Promise<Uint8Array<ArrayBuffer>> {
  const material = await crypto.subtle.importKey("raw", Uint8Array.from(masterKey), "HKDF", false, [
    "deriveBits",
  ]);
  const info = new TextEncoder().encode(INFO + siteId);
  const bits = await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info },
    material,
    256,
  );
  return new Uint8Array(bits);
}
