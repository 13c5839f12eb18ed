import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

import { requestDirectives } from "./cache-control.ts";
import type { Entry } from "./entry-store.ts";
import { createFetcher, type FetcherOptions, type Fetched, type Flight, type Question } from "./fetcher.ts";
import { ageSeconds, freshnessOf } from "./freshness.ts";
import type { KeptHead } from "./answer-head.ts";
import type { MirrorSource } from "./origin.ts";
import { isImmutable } from "./package-files.ts";
import { openStoredBody, type BodyReader } from "./spooled-body.ts";
import { isSelectedBy } from "./vary.ts";

/**
 * What a request to a mirror comes to:
 * - `kept`: an answer with its body, from the disk or on its way to it
 * - `passed`: an answer that nobody else may have; its body must be read or destroyed
 * - `failed`: none
 */
export type MirrorOutcome =
  | {
      readonly kind: "kept";
      /** As it goes to the client, but for what concerns the connection. */
      readonly head: { readonly status: number; readonly headers: IncomingHttpHeaders };
      readonly body: BodyReader;
      /** Where it comes from: `stale`, `revalidated` and `replaced` were here, `missed` was not. */
      readonly status: "hit" | "stale" | "revalidated" | "missed" | "replaced";
    }
  | { readonly kind: "passed"; readonly answer: IncomingMessage }
  | { readonly kind: "failed"; readonly status: 502 | 504; readonly reason: string };

/** A configured mirror. */
export type NamedMirror = MirrorSource & {
  readonly name: string;
  /** Patterns of paths whose files never change, besides packages. */
  readonly immutable: readonly string[];
};

export type Mirror = {
  /** Brings what `path` (with its query) is at a mirror; never throws. */
  get(mirror: NamedMirror, path: string, headers: IncomingHttpHeaders): Promise<MirrorOutcome>;
  /** Passes any other request on; what it may have changed is asked for anew (RFC 9111 section 4.4). Never throws. */
  send(
    mirror: NamedMirror,
    path: string,
    request: { readonly method: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer },
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

export type MirrorOptions = Omit<FetcherOptions, "signal">;

/** They change nothing (RFC 9110 section 9.2.1). */
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** Creates the cache of package mirrors. */
export function createMirror(options: MirrorOptions): Mirror {
  const { store, origin, now, log } = options;
  const stopping = new AbortController();
  const fetch = createFetcher({ ...options, signal: stopping.signal });
  /** Questions under way by what they are about; of one, those of several selections. */
  const underway = new Map<string, Flight[]>();

  const outcomes: Record<MirrorResult, number> = {
    ...{ hit: 0, stale: 0, revalidated: 0, missed: 0, replaced: 0 },
    ...{ passed: 0, failed: 0 },
  };

  function count(outcome: MirrorOutcome): MirrorOutcome {
    outcomes[outcome.kind === "kept" ? outcome.status : outcome.kind] += 1;
    return outcome;
  }

  function begin(question: Omit<Question, "known">): Flight {
    const { key, headers } = question;
    const flight = fetch({ ...question, known: store?.find(key, headers) });
    underway.set(key, [...(underway.get(key) ?? []), flight]);
    void flight.landed.then(() => {
      const left = (underway.get(key) ?? []).filter((each) => each !== flight);
      if (left.length > 0) underway.set(key, left);
      else underway.delete(key);
    });
    return flight;
  }

  /** One question for all who ask the same at a time. */
  async function ask(
    question: Omit<Question, "known">,
  ): Promise<{ readonly fetched: Fetched; readonly isFirst: boolean }> {
    const seen = new Set<Flight>();
    for (;;) {
      const flight = underway.get(question.key)?.find((each) => !seen.has(each));
      if (flight === undefined) return { fetched: await begin(question).fetched, isFirst: true };
      seen.add(flight);
      const isLate = flight.isHeadHere;
      const fetched = await flight.fetched;
      if (isFor(fetched, question.headers, isLate)) return { fetched, isFirst: false };
      // All of it is here: once it can be found, the origin can be asked whether it still holds.
      if (fetched.kind === "filling" && fetched.body.isReceived) await flight.landed;
    }
  }

  /** Whether what others asked for is an answer to these request headers. */
  function isFor(fetched: Fetched, headers: IncomingHttpHeaders, isLate: boolean): boolean {
    if (fetched.kind === "entry") return isSelectedBy(fetched.entry.selection, headers);
    if (fetched.kind !== "filling") return true;
    if (!isSelectedBy(fetched.selection, headers)) return false;
    return !isLate || freshnessOf(fetched.head, headers, now()) !== "stale";
  }

  async function openEntry(
    { id, head, sizeBytes }: Entry,
    status: "hit" | "stale" | "revalidated",
  ): Promise<MirrorOutcome | undefined> {
    try {
      const body = await openStoredBody(store!.bodyPath(id), sizeBytes);
      return { kind: "kept", head: withAge(head), body, status };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // Replaced or evicted a moment ago.
      store!.remove(id);
      return undefined;
    }
  }

  /** A head as it is told to clients later (RFC 9111 section 5.1). */
  function withAge(head: KeptHead): { status: number; headers: IncomingHttpHeaders } {
    const age = String(Math.floor(ageSeconds(head, now())));
    return { status: head.status, headers: { ...head.headers, age } };
  }

  /** Asks the origin while a client has what is kept already. */
  function askBehind(question: Omit<Question, "known">): void {
    if (underway.has(question.key)) return;
    begin(question)
      .fetched.then((fetched) => {
        if (fetched.kind === "alone") fetched.answer.on("error", () => undefined).destroy();
      })
      .catch((error: unknown) => log.warn({ err: error }, "a mirror's file could not be asked for"));
  }

  async function get(
    mirror: NamedMirror,
    path: string,
    headers: IncomingHttpHeaders,
  ): Promise<MirrorOutcome> {
    const key = keyOf(mirror, path);
    const question = { source: mirror, path, key, headers, isImmutable: isImmutable(path, mirror.immutable) };
    const known = store?.find(key, headers);
    const freshness = known === undefined ? "stale" : freshnessOf(known.head, headers, now());
    if (known !== undefined && freshness !== "stale") {
      const hit = await openEntry(known, freshness === "fresh" ? "hit" : "stale");
      if (freshness === "usable") askBehind(question);
      if (hit !== undefined) return hit;
    }
    if (requestDirectives(headers).has("only-if-cached")) {
      return { kind: "failed", status: 504, reason: "not kept, and the client wants nothing else" };
    }
    const { fetched, isFirst } = await ask(question);
    switch (fetched.kind) {
      case "failed":
        return fetched;
      case "filling": {
        const { head, received, isReplacement } = fetched;
        return {
          kind: "kept",
          head: isFirst ? { status: head.status, headers: received } : withAge(head),
          body: await fetched.body.openReader(),
          status: isReplacement ? "replaced" : "missed",
        };
      }
      case "entry":
        return (await openEntry(fetched.entry, fetched.status)) ?? get(mirror, path, headers);
      case "alone":
        if (isFirst) return { kind: "passed", answer: fetched.answer };
        return { kind: "passed", answer: await origin.get(mirror, path, headers, stopping.signal) };
    }
  }

  function invalidate(key: string): void {
    store?.removeAll(key);
    for (const flight of underway.get(key) ?? []) flight.abandon();
    underway.delete(key);
  }

  async function orFailure(run: () => Promise<MirrorOutcome>): Promise<MirrorOutcome> {
    try {
      return count(await run());
    } catch (error) {
      return count({ kind: "failed", status: 502, reason: (error as Error).message });
    }
  }

  return {
    get: (mirror, path, headers) => orFailure(() => get(mirror, path, headers)),
    send: (mirror, path, request) =>
      orFailure(async () => {
        const answer = await origin.send(mirror, path, request, stopping.signal);
        if (!SAFE_METHODS.has(request.method) && answer.statusCode! < 400) {
          for (const changed of changedPaths(mirror, path, answer.headers))
            invalidate(keyOf(mirror, changed));
        }
        return { kind: "passed", answer };
      }),
    stats: () => ({ outcomes, ...(store?.usage ?? { files: 0, bytes: 0, evictions: 0 }) }),
    stop() {
      stopping.abort();
      origin.close();
    },
  };
}

function keyOf({ name, upstream }: NamedMirror, path: string): string {
  return `${name} ${upstream} ${path}`;
}

/** What a request may have changed: what it was about, and what its answer names of the same mirror. */
function changedPaths(
  { upstream }: NamedMirror,
  path: string,
  { location, "content-location": contentLocation }: IncomingHttpHeaders,
): readonly string[] {
  const root = new URL(upstream).href.replace(/\/$/, "");
  const named = [location, contentLocation]
    .map((text) => (text === undefined ? null : URL.parse(text, root + path)))
    .filter((url) => url !== null)
    .map((url) => url.origin + url.pathname + url.search)
    .filter((url) => url.startsWith(`${root}/`))
    .map((url) => url.slice(root.length));
  return [path, ...named];
}
