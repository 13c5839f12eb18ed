import { formatHex } from "../core/bytes.ts";

/** What has revisions. */
export type RevisionKind = "profile" | "template" | "image";

/**
 * Stores an immutable document under its content's hash and returns the hash:
 * 128 bits of SHA-256 over kind and canonical JSON, hexadecimal. A key is never
 * rewritten with other bytes, so that KV, eventually consistent as it is, can
 * never serve a stale one.
 */
export async function putRevision(kv: KVNamespace, kind: RevisionKind, document: unknown): Promise<string> {
  const revision = await revisionOf(kind, document);
  await kv.put(key(kind, revision), canonicalJson(document));
  return revision;
}

/** The hash that a document is stored under. */
export async function revisionOf(kind: RevisionKind, document: unknown): Promise<string> {
  return await hashContent(`${kind}\n${canonicalJson(document)}`);
}

/** 128 bits of a text's SHA-256, hexadecimal: what equal content is known by. */
export async function hashContent(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return formatHex(new Uint8Array(digest).subarray(0, 16));
}

/** `null` where KV does not have it: it does not exist, or has not arrived here yet. */
export async function getRevision<T>(
  kv: KVNamespace,
  kind: RevisionKind,
  revision: string,
): Promise<T | null> {
  return await kv.get<T>(key(kind, revision), "json");
}

function key(kind: RevisionKind, revision: string): string {
  return `${kind}/${revision}`;
}

/** JSON with members in the order of their names: equal documents are equal bytes. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
