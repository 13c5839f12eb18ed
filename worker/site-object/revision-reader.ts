import { getRevision, type RevisionKind } from "../revisions.ts";

/** So many documents are kept. */
const MAX_HELD = 64;

/**
 * Reads revisions from KV, and keeps the last ones: they never change, and a
 * hundred machines that boot at once read the same. A KV that fails is as good
 * as one that does not have it.
 */
export class RevisionReader {
  private readonly kv: KVNamespace;
  private readonly held = new Map<string, unknown>();

  constructor(kv: KVNamespace) {
    this.kv = kv;
  }

  readonly read = async <T>(kind: RevisionKind, revision: string): Promise<T | null> => {
    const key = `${kind}/${revision}`;
    const held = this.held.get(key);
    if (held !== undefined) return held as T;
    try {
      const found = await getRevision<T>(this.kv, kind, revision);
      if (found !== null) this.hold(key, found);
      return found;
    } catch (error) {
      console.error(`KV gave no ${key}: ${String(error)}`);
      return null;
    }
  };

  private hold(key: string, document: unknown): void {
    for (const oldest of this.held.keys()) {
      if (this.held.size < MAX_HELD) break;
      this.held.delete(oldest);
    }
    this.held.set(key, document);
  }
}
