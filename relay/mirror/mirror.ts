import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type CachePolicy from "http-cache-semantics";
import type { Logger } from "pino";

import type { Entry, EntryStore } from "./entry-store.ts";
import { MirrorError } from "./errors.ts";
import type { MirrorOrigin, MirrorSource } from "./origin.ts";
import {
  createPolicy,
  isFresh,
  isWorthKeeping,
  mayBeGivenStale,
  renewPolicy,
  selectionOf,
  type CacheRequest,
} from "./policy.ts";
import { openStoredBody, SpooledBody, type BodyReader } from "./spooled-body.ts";

/**
 * What a request to a mirror comes to:
 * - `kept`: an answer with its body, from the disk or on its way to it
 * - `passed`: an answer that nobody else may have; its body must be read or destroyed
 * - `failed`: none
 */
export type MirrorOutcome =
  | {
      readonly kind: "kept";
      readonly policy: CachePolicy;
      readonly body: BodyReader;
      /** Where it comes from: `stale`, `revalidated` and `replaced` were here, `missed` was not. */
      readonly status: "hit" | "stale" | "revalidated" | "missed" | "replaced";
    }
  | { readonly kind: "passed"; readonly answer: IncomingMessage }
  | { readonly kind: "failed"; readonly status: 502 | 504; readonly reason: string };

export type Mirror = {
  /** Brings what `path` (with its query) is at a mirror; never throws. */
  get(
    mirror: MirrorSource & { readonly name: string },
    path: string,
    headers: IncomingHttpHeaders,
  ): Promise<MirrorOutcome>;
  stats(): MirrorStats;
  /** Waits for nothing: what is on its way is dropped. */
  stop(): void;
};

/** How many requests came to what since the start, and what is on the disk now. */
export type MirrorStats = {
  readonly outcomes: Readonly<Record<MirrorResult, number>>;
  readonly files: number;
  readonly bytes: number;
  readonly evictions: number;
};

export type MirrorResult = Extract<MirrorOutcome, { kind: "kept" }>["status"] | "passed" | "failed";

export type MirrorOptions = {
  /** `undefined`: nothing can be kept. */
  readonly store: EntryStore | undefined;
  readonly origin: MirrorOrigin;
  /** Larger files are passed on without being kept. */
  readonly maxFileBytes: () => number;
  readonly log: Pick<Logger, "warn">;
};

/** A file that is being kept: its head is here. */
type Filling = { readonly policy: CachePolicy; readonly body: SpooledBody };
/** What came of asking an origin, for all who wait for it; `alone` is for the one who asked. */
type Fetched =
  | { readonly kind: "filling"; readonly filling: Filling }
  | { readonly kind: "entry"; readonly entry: Entry; readonly status: "stale" | "revalidated" }
  | { readonly kind: "alone"; readonly answer: IncomingMessage }
  | Extract<MirrorOutcome, { kind: "failed" }>;

/** What of a client's request concerns the origin: nothing of who it is, no part, no condition. */
const FORWARDED = ["accept", "accept-encoding", "accept-language", "cache-control", "pragma", "user-agent"];

const MAX_REMEMBERED = 1000;

/** Creates the cache of package mirrors. */
export function createMirror({ store, origin, maxFileBytes, log }: MirrorOptions): Mirror {
  /** Questions under way, until the body is whole, by what selects the answer. */
  const underway = new Map<string, { readonly fetched: Promise<Fetched>; filling?: Filling }>();
  /** What turned out so while it came, without having said its length. */
  const tooLarge = new Set<string>();
  const stopping = new AbortController();
  const outcomes: Record<MirrorResult, number> = {
    ...{ hit: 0, stale: 0, revalidated: 0, missed: 0, replaced: 0 },
    ...{ passed: 0, failed: 0 },
  };

  function count(outcome: MirrorOutcome): MirrorOutcome {
    outcomes[outcome.kind === "kept" ? outcome.status : outcome.kind] += 1;
    return outcome;
  }

  async function fetchFrom(
    source: MirrorSource,
    path: string,
    key: string,
    request: CacheRequest,
    known: Entry | undefined,
    onFilled: (filling: Filling) => void,
    onDone: () => void,
  ): Promise<Fetched> {
    const stale = (): Fetched | undefined =>
      known !== undefined && mayBeGivenStale(known.policy)
        ? { kind: "entry", entry: known, status: "stale" }
        : undefined;
    const headers = known === undefined ? request.headers : known.policy.revalidationHeaders(request);
    let answer: IncomingMessage;
    try {
      answer = await origin.get(source, path, headers, stopping.signal);
    } catch (error) {
      onDone();
      if (!(error instanceof MirrorError)) throw error;
      if (error.code === "unreachable")
        return stale() ?? { kind: "failed", status: 504, reason: error.message };
      return { kind: "failed", status: 502, reason: error.message };
    }
    if (answer.statusCode! >= 500 && stale() !== undefined) {
      answer.on("error", () => undefined).destroy();
      onDone();
      return stale()!;
    }
    if (answer.statusCode === 304 && known !== undefined) {
      answer.resume();
      const policy = renewPolicy(known.policy, { ...request, headers }, answer);
      if (policy === undefined) return fetchFrom(source, path, key, request, undefined, onFilled, onDone);
      store?.refresh(known.id, policy);
      onDone();
      return { kind: "entry", entry: { ...known, policy }, status: "revalidated" };
    }
    const policy = createPolicy(request, answer);
    // Whatever it says, it is what the file is now.
    if (known !== undefined) store?.remove(known.id);
    const announced = answer.headers["content-length"];
    const sizeBytes = announced === undefined ? undefined : Number(announced);
    const isTooLarge = (sizeBytes ?? 0) > maxFileBytes() || tooLarge.has(key);
    if (store === undefined || !isWorthKeeping(policy) || isTooLarge) {
      onDone();
      return { kind: "alone", answer };
    }
    const draft = store.draftPath();
    let body: SpooledBody;
    try {
      body = await SpooledBody.create(draft.path, sizeBytes);
    } catch (error) {
      log.warn({ err: error }, "a mirror's file cannot be kept");
      onDone();
      return { kind: "alone", answer };
    }
    const filling = { policy, body };
    onFilled(filling);
    const selection = selectionOf(joined(answer.headers.vary), request.headers);
    const add = (): void =>
      store.add(key, { id: draft.id, policy, selection, sizeBytes: body.receivedBytes });
    const onTooLarge = (): void => {
      if (tooLarge.size >= MAX_REMEMBERED) tooLarge.clear();
      tooLarge.add(key);
    };
    void fill(answer, body, store.bodyPath(draft.id), add, onTooLarge).finally(onDone);
    return { kind: "filling", filling };
  }

  /** Brings a body to its file; never throws. */
  async function fill(
    answer: IncomingMessage,
    body: SpooledBody,
    path: string,
    add: () => void,
    onTooLarge: () => void,
  ): Promise<void> {
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        if (body.receivedBytes + chunk.length > maxFileBytes()) {
          onTooLarge();
          throw new Error("the file is too large to be kept");
        }
        await body.append(chunk);
      }
      await body.finish(path);
      add();
    } catch (error) {
      answer.on("error", () => undefined).destroy();
      if (!stopping.signal.aborted) log.warn({ err: error }, "a mirror's file was not fetched whole");
      await body.fail(error as Error);
    }
  }

  /** One question for all who ask the same at a time. */
  function ask(
    source: MirrorSource,
    path: string,
    key: string,
    request: CacheRequest,
    known: Entry | undefined,
  ): { readonly fetched: Promise<Fetched>; readonly isFirst: boolean } {
    const selected = `${key} ${JSON.stringify(FORWARDED.map((name) => request.headers[name] ?? null))}`;
    const others = underway.get(selected);
    if (others !== undefined && (others.filling === undefined || isFresh(others.filling.policy, request))) {
      return { fetched: others.fetched, isFirst: false };
    }
    const entry: { fetched: Promise<Fetched>; filling?: Filling } = {
      fetched: fetchFrom(
        source,
        path,
        key,
        request,
        known,
        (filling) => {
          entry.filling = filling;
        },
        () => {
          if (underway.get(selected) === entry) underway.delete(selected);
        },
      ),
    };
    underway.set(selected, entry);
    return { fetched: entry.fetched, isFirst: true };
  }

  async function openEntry(
    entry: Entry,
    status: "hit" | "stale" | "revalidated",
  ): Promise<MirrorOutcome | undefined> {
    try {
      const body = await openStoredBody(store!.bodyPath(entry.id), entry.sizeBytes);
      return { kind: "kept", policy: entry.policy, body, status };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // Replaced or evicted a moment ago.
      store!.remove(entry.id);
      return undefined;
    }
  }

  async function get(
    mirror: MirrorSource & { readonly name: string },
    path: string,
    clientHeaders: IncomingHttpHeaders,
  ): Promise<MirrorOutcome> {
    const headers: Record<string, string> = {};
    for (const name of FORWARDED)
      if (typeof clientHeaders[name] === "string") headers[name] = clientHeaders[name];
    const request: CacheRequest = { method: "GET", url: path, headers };
    const key = `${mirror.name} ${mirror.upstream} ${path}`;
    const known = store?.find(key, headers);
    if (known !== undefined && isFresh(known.policy, request)) {
      const hit = await openEntry(known, "hit");
      if (hit !== undefined) return hit;
    }
    if (/(?:^|[\s,])only-if-cached(?:$|[\s,])/.test(headers["cache-control"] ?? "")) {
      return { kind: "failed", status: 504, reason: "not kept, and the client wants nothing else" };
    }
    const { fetched, isFirst } = ask(mirror, path, key, request, known);
    const outcome = await fetched;
    switch (outcome.kind) {
      case "failed":
        return outcome;
      case "filling": {
        const body = await outcome.filling.body.openReader();
        return {
          kind: "kept",
          policy: outcome.filling.policy,
          body,
          status: known === undefined ? "missed" : "replaced",
        };
      }
      case "entry":
        return (await openEntry(outcome.entry, outcome.status)) ?? get(mirror, path, clientHeaders);
      case "alone":
        if (isFirst) return { kind: "passed", answer: outcome.answer };
        return { kind: "passed", answer: await origin.get(mirror, path, headers, stopping.signal) };
    }
  }

  return {
    async get(mirror, path, headers) {
      try {
        return count(await get(mirror, path, headers));
      } catch (error) {
        return count({ kind: "failed", status: 502, reason: (error as Error).message });
      }
    },
    stats: () => ({ outcomes, ...(store?.usage ?? { files: 0, bytes: 0, evictions: 0 }) }),
    stop() {
      stopping.abort();
      origin.close();
    },
  };
}

function joined(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(",") : header;
}
