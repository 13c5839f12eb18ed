import type { Ipv4 } from "../../core/addresses.ts";
import { encodeNetascii } from "../../core/tftp-packet/netascii.ts";
import type { TftpMode } from "../../core/tftp-packet/packet.ts";
import type { FileRefused, FileRoot } from "../boot-files/file-root.ts";
import { memoryContent, streamedContent, type Content } from "./content.ts";
import type { TftpLimits } from "./limits.ts";
import type { Refusal } from "./refusal.ts";

/** What a client asks for. */
export type ContentRequest = {
  readonly name: string;
  readonly mode: TftpMode;
  readonly client: Ipv4;
};

export type ContentOutcome =
  | { readonly kind: "content"; readonly content: Content }
  | FileRefused
  /** Refused by what makes files for the machine that asks. */
  | { readonly kind: "not-answered"; readonly refusal: Refusal }
  /** Netascii needs the whole file in memory, and this one is too large for that. */
  | { readonly kind: "too-large-for-netascii" };

/** Where the bytes of transfers come from. */
export type ContentStore = {
  /**
   * May take its time: the client's repeated requests wait with the first.
   *
   * @throws what keeps it from telling, such as EIO; the client gets an ERROR, the operator the cause
   */
  open(request: ContentRequest): Promise<ContentOutcome>;
};

/** Asks `first`, and `second` for what that does not have. */
export function withFallback(first: ContentStore, second: ContentStore): ContentStore {
  return {
    async open(request) {
      const outcome = await first.open(request);
      return outcome.kind === "refused" && outcome.reason === "missing" ? second.open(request) : outcome;
    },
  };
}

/**
 * Creates a store over `root`; small files are read once and shared. A held file is known by path, size and
 * modification time, so that a changed one is read anew; the least recently
 * used give way.
 */
export function createFileStore(
  root: FileRoot,
  limits: Pick<TftpLimits, "maxCachedFileBytes" | "maxCacheBytes">,
): ContentStore {
  // Insertion order is the order of use. Promises, so that 200 machines cause one read.
  const held = new Map<
    string,
    { readonly bytes: Promise<Uint8Array | FileRefused>; readonly cost: number }
  >();
  let heldBytes = 0;

  function drop(key: string): void {
    heldBytes -= held.get(key)?.cost ?? 0;
    held.delete(key);
  }

  async function readWhole(name: string, mode: TftpMode): Promise<Uint8Array | FileRefused> {
    const opened = await root.open(name);
    if (opened.kind === "refused") return opened;
    try {
      const bytes = await opened.handle.readFile();
      return mode === "netascii" ? encodeNetascii(bytes) : bytes;
    } finally {
      await opened.handle.close();
    }
  }

  async function openSmall(key: string, name: string, mode: TftpMode, cost: number): Promise<ContentOutcome> {
    const known = held.get(key);
    const bytes = known?.bytes ?? readWhole(name, mode);
    drop(key);
    held.set(key, { bytes, cost });
    heldBytes += cost;
    for (const oldest of held.keys()) {
      if (heldBytes <= limits.maxCacheBytes) break;
      drop(oldest);
    }
    try {
      const whole = await bytes;
      if (whole instanceof Uint8Array) return { kind: "content", content: memoryContent(whole) };
      drop(key);
      return whole;
    } catch (error) {
      drop(key);
      throw error;
    }
  }

  return {
    async open({ name, mode }) {
      const found = await root.stat(name);
      if (found.kind === "refused") return found;
      if (found.sizeBytes <= limits.maxCachedFileBytes) {
        const key = JSON.stringify([found.path, found.modifiedMs, found.sizeBytes, mode]);
        return openSmall(key, name, mode, found.sizeBytes);
      }
      if (mode === "netascii") return { kind: "too-large-for-netascii" };
      const opened = await root.open(name);
      if (opened.kind === "refused") return opened;
      return { kind: "content", content: streamedContent(opened.handle, opened.sizeBytes) };
    },
  };
}
