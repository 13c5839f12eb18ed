import type { ChunkFile } from "./chunk-file.ts";
import { ImageError } from "./errors.ts";
import type { ImageObject } from "./image-object.ts";
import type { Receiver } from "./receive.ts";
import type { Semaphore } from "./semaphore.ts";

/** What brings an object's missing chunks, once for all who wait for them. */
export type Fill = {
  /**
   * Resolves once a chunk is verified on the disk; joins the transfer under way
   * that will bring it soon, else begins one there.
   *
   * @param last the last chunk that the same reader will want
   * @throws ImageError, CacheDiskError
   */
  need(chunk: number, last: number): Promise<void>;
  /** Breaks off what is under way: what is here already stays. */
  stop(): void;
};

export type FillOptions = {
  readonly object: ImageObject;
  readonly hashes: readonly string[];
  readonly file: Pick<ChunkFile, "isPresent">;
  /** Keeps a verified chunk. @throws CacheDiskError */
  readonly keep: ChunkFile["store"];
  readonly receiver: Receiver;
  /** Of transfers, of all objects. */
  readonly semaphore: Semaphore;
  /** Told after each chunk that was kept. */
  readonly onStored: () => void;
};

/** Of one object at a time; a reader beyond them waits for the nearest before it. */
const MAX_TRANSFERS = 4;
/** A reader no further ahead of a transfer waits for it. */
const NEAR_CHUNKS = 16;

/** Chunks `next` to `end` (exclusive), in order. */
type Transfer = { next: number; end: number };
type Waiter = { readonly chunk: number; readonly last: number } & PromiseWithResolvers<void>;

/** Creates the fill of one object. Transfers never bring a chunk twice. */
export function createFill({ object, hashes, file, keep, receiver, semaphore, onStored }: FillOptions): Fill {
  const transfers = new Set<Transfer>();
  const waiters = new Set<Waiter>();
  let stopping = new AbortController();

  /** Sees to it that a transfer will come by. */
  function plan({ chunk, last }: Waiter): void {
    const coming = [...transfers].find(({ next, end }) => next <= chunk && chunk < end);
    const isNear = coming !== undefined && chunk - coming.next <= NEAR_CHUNKS;
    if (isNear || (coming !== undefined && transfers.size >= MAX_TRANSFERS)) return;
    if (transfers.size >= MAX_TRANSFERS) return;
    const transfer = { next: chunk, end: coming?.end ?? firstTaken(chunk, last + 1) };
    if (coming !== undefined) coming.end = chunk;
    transfers.add(transfer);
    void run(transfer);
  }

  /** The first chunk from `chunk` on that is here already, or that a transfer begins with. */
  function firstTaken(chunk: number, end: number): number {
    const begun = new Set([...transfers].map(({ next }) => next));
    let at = chunk + 1;
    while (at < end && !file.isPresent(at) && !begun.has(at)) at++;
    return at;
  }

  async function run(transfer: Transfer): Promise<void> {
    const { signal } = stopping;
    let failure: unknown;
    try {
      await semaphore.use(signal, () => receive(transfer, signal));
    } catch (error) {
      failure = error;
    }
    transfers.delete(transfer);
    if (signal.aborted) return;
    if (failure !== undefined) {
      settle(({ chunk }) => transfer.next <= chunk && chunk < transfer.end, failure);
    }
    // Those that found no transfer free.
    for (const waiter of waiters) plan(waiter);
  }

  async function receive(transfer: Transfer, signal: AbortSignal): Promise<void> {
    const { end } = transfer;
    for await (const { chunk, bytes } of receiver.chunks(object, hashes, transfer.next, end, signal)) {
      await keep(chunk, bytes);
      transfer.next = chunk + 1;
      onStored();
      settle(({ chunk: waited }) => waited === chunk);
      // Another one took over from here. At its own end the connection is left to end by itself: it is used again.
      if (transfer.end < end && transfer.next >= transfer.end) return;
    }
  }

  function settle(isConcerned: (waiter: Waiter) => boolean, failure?: unknown): void {
    for (const waiter of waiters) {
      if (!isConcerned(waiter)) continue;
      waiters.delete(waiter);
      if (failure === undefined) waiter.resolve();
      else waiter.reject(failure);
    }
  }

  return {
    need(chunk, last) {
      const waiter: Waiter = { chunk, last, ...Promise.withResolvers<void>() };
      waiters.add(waiter);
      plan(waiter);
      return waiter.promise;
    },
    stop() {
      stopping.abort();
      stopping = new AbortController();
      transfers.clear();
      settle(() => true, new ImageError("closed", "nobody waits for it any more"));
    },
  };
}
