import { formatHex } from "../core/bytes.ts";
import { hashSecret } from "../core/sign/hash-secret.ts";

/**
 * Credentials carry their site's id, so that routing a request to its
 * SiteObject needs no look-up:
 *
 *     relay       pxr_SITE_RELAY_SECRET
 *     join token  pxj_SITE_TOKEN_SECRET
 *     boot token  pxb_SITE_TOKEN_SECRET (it is part of a URL, too)
 *     API token   pxa_TOKEN_SECRET (for several sites, or all: the ControlObject knows)
 *     capability  see core/boot/capability.ts
 *
 * SITE, RELAY and TOKEN are 64 bits, SECRET is 128 bits, all lower-case
 * hexadecimal. Only hashes of the secrets are stored.
 */
export type SiteCredential = {
  readonly prefix: CredentialPrefix;
  readonly siteId: string;
  readonly id: string;
  /** SHA-256 of the secret, hexadecimal. */
  readonly secretHash: string;
};

export type CredentialPrefix = "pxr" | "pxj" | "pxb";

const SITE_CREDENTIAL = /^(pxr|pxj|pxb)_([0-9a-f]{16})_([0-9a-f]{16})_([0-9a-f]{32})$/;

/** 64 random bits, hexadecimal. */
export function mintId(): string {
  return formatHex(crypto.getRandomValues(new Uint8Array(8)));
}

/** 128 random bits, hexadecimal. */
export function mintSecret(): string {
  return formatHex(crypto.getRandomValues(new Uint8Array(16)));
}

/** A credential that is not given out yet; only the hash of its secret is stored. */
export type NewCredential = { readonly id: string; readonly secret: string; readonly secretHash: string };

export async function mintCredential(): Promise<NewCredential> {
  const secret = mintSecret();
  return { id: mintId(), secret, secretHash: await hashSecret(secret) };
}

export function formatSiteCredential(
  prefix: CredentialPrefix,
  siteId: string,
  id: string,
  secret: string,
): string {
  return `${prefix}_${siteId}_${id}_${secret}`;
}

/** `undefined` for what does not have the form of such a credential. */
export async function parseSiteCredential(
  prefix: CredentialPrefix,
  text: string,
): Promise<SiteCredential | undefined> {
  const match = SITE_CREDENTIAL.exec(text);
  if (match === null || match[1] !== prefix) return undefined;
  return { prefix, siteId: match[2]!, id: match[3]!, secretHash: await hashSecret(match[4]!) };
}

const API_TOKEN = /^pxa_([0-9a-f]{16})_([0-9a-f]{32})$/;

export function formatApiToken(id: string, secret: string): string {
  return `pxa_${id}_${secret}`;
}

/** `undefined` for what does not have the form of an API token. */
export async function parseApiToken(text: string): Promise<{ id: string; secretHash: string } | undefined> {
  const match = API_TOKEN.exec(text);
  return match === null ? undefined : { id: match[1]!, secretHash: await hashSecret(match[2]!) };
}

/** The token of an `Authorization: Bearer` header. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+)$/i.exec(header ?? "")?.[1];
}
