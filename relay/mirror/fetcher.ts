import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Logger } from "pino";

import type { Entry, EntryStore } from "./entry-store.ts";
import { MirrorError } from "./errors.ts";
import { isWorthKeeping, mayBeGivenStale } from "./freshness.ts";
import { keepHead, renewHead, validatingHeaders } from "./kept-head.ts";
import type { KeptHead } from "./answer-head.ts";
import type { MirrorOrigin, MirrorSource } from "./origin.ts";
import { isIndex } from "./package-files.ts";
import { SpooledBody } from "./spooled-body.ts";
import { selectionOf, type Selection } from "./vary.ts";

/** What an origin is asked for. */
export type Question = {
  readonly source: MirrorSource;
  /** With its query. */
  readonly path: string;
  /** Under which the answer is kept. */
  readonly key: string;
  readonly headers: IncomingHttpHeaders;
  /** What is kept and no longer fresh. */
  readonly known: Entry | undefined;
  readonly isImmutable: boolean;
};

/** A file that is being kept: its head is here. */
export type Filling = {
  readonly kind: "filling";
  readonly head: KeptHead;
  /** All that came with it, for the one who asked. */
  readonly received: IncomingHttpHeaders;
  readonly selection: Selection;
  readonly body: SpooledBody;
  /** Whether something else was kept before. */
  readonly isReplacement: boolean;
};

/** What came of asking an origin, for all who wait for it; `alone` is for the one who asked. */
export type Fetched =
  | Filling
  | { readonly kind: "entry"; readonly entry: Entry; readonly status: "stale" | "revalidated" }
  | { readonly kind: "alone"; readonly answer: IncomingMessage }
  | { readonly kind: "failed"; readonly status: 502 | 504; readonly reason: string };

/** A question under way, until the body is whole. */
export type Flight = {
  readonly fetched: Promise<Fetched>;
  /** Whether it is known what came of it. */
  readonly isHeadHere: boolean;
  /** Resolves when nobody can join any more: what is kept of it can be found. */
  readonly landed: Promise<void>;
  /** What it brings is not kept: it was asked for before something changed the file. */
  abandon(): void;
};

export type FetcherOptions = {
  /** `undefined`: nothing can be kept. */
  readonly store: EntryStore | undefined;
  readonly origin: MirrorOrigin;
  /** Larger files are passed on without being kept. */
  readonly maxFileBytes: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Pick<Logger, "warn">;
  /** Told what cannot be kept for the disk's sake, and is passed on. */
  readonly onUncached: (path: string, reason: string) => void;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
};

/** Asks an origin. */
export type Fetch = (question: Question) => Flight;

const MAX_REMEMBERED = 1000;

/** Creates the way from origins to what is kept. */
export function createFetcher(options: FetcherOptions): Fetch {
  const { store, origin, maxFileBytes, now, log, onUncached, signal } = options;
  /** What turned out so while it came, without having said its length. */
  const tooLarge = new Set<string>();

  async function ask(question: Question, keeps: () => boolean, onDone: () => void): Promise<Fetched> {
    const { source, path, headers, known, isImmutable } = question;
    const stale = (): Fetched | undefined =>
      known !== undefined && mayBeGivenStale(known.head, now())
        ? { kind: "entry", entry: known, status: "stale" }
        : undefined;
    const requestedAt = now();
    let answer: IncomingMessage;
    try {
      answer = await origin.get(
        source,
        path,
        { ...headers, ...(known !== undefined && validatingHeaders(known.head)) },
        signal,
      );
    } catch (error) {
      onDone();
      if (!(error instanceof MirrorError)) throw error;
      if (error.code === "unreachable")
        return stale() ?? { kind: "failed", status: 504, reason: error.message };
      return { kind: "failed", status: 502, reason: error.message };
    }
    const status = answer.statusCode!;
    if (status >= 500 && stale() !== undefined) {
      answer.on("error", () => undefined).destroy();
      onDone();
      return stale()!;
    }
    // node:http keeps the first of several.
    const age = answer.headersDistinct["age"]?.join(", ");
    const headersTold = { ...answer.headers, ...(age !== undefined && { age }) };
    const told = { headers: headersTold, requestedAt, receivedAt: now(), isIndex: isIndex(path) };
    if (status === 304 && known !== undefined) {
      answer.resume();
      const head = renewHead(known.head, { ...told, isImmutable: known.head.isImmutable });
      if (keeps()) store?.refresh(known.id, head);
      onDone();
      return { kind: "entry", entry: { ...known, head }, status: "revalidated" };
    }
    // Whatever it says, it is what the file is now.
    if (known !== undefined && status < 500) store?.remove(known.id);
    const head = keepHead({ ...told, status, isImmutable: isImmutable && mayBeKeptLong(status, answer) });
    const filling = await beginToKeep(question, answer, head);
    if (filling === undefined) {
      onDone();
      return { kind: "alone", answer };
    }
    void fill(question, answer, filling, keeps).finally(onDone);
    return filling;
  }

  /** `undefined` for what is not kept. */
  async function beginToKeep(
    { key, path, headers, known }: Question,
    answer: IncomingMessage,
    head: KeptHead,
  ): Promise<(Filling & { readonly id: string }) | undefined> {
    const announced = answer.headers["content-length"];
    const sizeBytes = announced === undefined ? undefined : Number(announced);
    const isTooLarge = (sizeBytes ?? 0) > maxFileBytes() || tooLarge.has(key);
    if (store === undefined || isTooLarge || !isWorthKeeping(head, headers)) return undefined;
    const { id, path: draftPath } = store.draftPath();
    try {
      if (!(await store.hasRoom(sizeBytes ?? 0))) {
        onUncached(path, "the disk is full");
        return undefined;
      }
      const body = await SpooledBody.create(draftPath, sizeBytes);
      const selection = selectionOf(head.headers.vary, headers);
      const isReplacement = known !== undefined;
      return { kind: "filling", id, head, received: answer.headers, selection, body, isReplacement };
    } catch (error) {
      onUncached(path, (error as Error).message);
      return undefined;
    }
  }

  /** Brings a body to its file; never throws. */
  async function fill(
    { key }: Question,
    answer: IncomingMessage,
    { id, head, selection, body }: Filling & { readonly id: string },
    keeps: () => boolean,
  ): Promise<void> {
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        if (body.receivedBytes + chunk.length > maxFileBytes()) {
          if (tooLarge.size >= MAX_REMEMBERED) tooLarge.clear();
          tooLarge.add(key);
          throw new Error("the file is too large to be kept");
        }
        await body.append(chunk);
      }
      await body.finish(store!.bodyPath(id));
      store!.add(key, { id, head, selection, sizeBytes: body.receivedBytes });
      // Those who read it go on.
      if (!keeps()) store!.remove(id);
    } catch (error) {
      answer.on("error", () => undefined).destroy();
      if (!signal.aborted) log.warn({ err: error }, "a mirror's file was not fetched whole");
      await body.fail(error as Error);
    }
  }

  return (question) => {
    let isHeadHere = false;
    let isAbandoned = false;
    const { promise: landed, resolve: land } = Promise.withResolvers<void>();
    const fetched = ask(question, () => !isAbandoned, land).finally(() => (isHeadHere = true));
    return {
      fetched,
      landed,
      get isHeadHere() {
        return isHeadHere;
      },
      abandon: () => void (isAbandoned = true),
    };
  };
}

/** Whether an answer is a file that never changes, and its origin does not say that it is for one only. */
function mayBeKeptLong(status: number, { headers }: IncomingMessage): boolean {
  return status === 200 && !/no-store|private/i.test(headers["cache-control"] ?? "");
}
