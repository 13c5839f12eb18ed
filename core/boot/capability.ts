import { hashSecret } from "../sign/hash-secret.ts";

/**
 * What lets the machine of one attempt fetch its answers and report: one run of
 * 48 lower-case hexadecimal digits, so that it can be part of a URL. The first
 * 16 are the site's id, the others the secret, of which only the hash is kept.
 */
export type Capability = { readonly siteId: string; readonly secretHash: string };

const CAPABILITY = /^([0-9a-f]{16})([0-9a-f]{32})$/;

export function formatCapability(siteId: string, secret: string): string {
  return siteId + secret;
}

/** `undefined` for what does not have the form of a capability. */
export async function parseCapability(text: string): Promise<Capability | undefined> {
  const match = CAPABILITY.exec(text);
  if (match === null) return undefined;
  return { siteId: match[1]!, secretHash: await hashSecret(match[2]!) };
}
