import type { Logger } from "pino";

import type { RelayState } from "../../core/relay-protocol/state.ts";
import type { ControlPlaneClient, Outcome } from "./client.ts";
import { mergeState } from "./merge-state.ts";
import type { StateFile } from "./state-file.ts";

export type StateSyncOptions = {
  readonly client: Pick<ControlPlaneClient, "fetchState">;
  readonly file: StateFile;
  readonly siteId: string;
  readonly log: Logger;
  /** Told each new state, in order; must not throw. */
  readonly onChange?: (state: RelayState) => void;
  /** In [0, 1). */
  readonly random?: () => number;
  readonly pollMs?: number;
  /** A burst of hints that the state has moved makes one request. */
  readonly debounceMs?: number;
};

/** What a relay knows of its site, kept up to date. */
export type StateSync = {
  /** `undefined` until it was read from disk or the control plane once. */
  current(): RelayState | undefined;
  /** Takes the value of a `Pxedge-State` header; one that is newer fetches at once. */
  noteRevision(revision: string): void;
  /** Fetches now, or joins the fetch under way. */
  refresh(): Promise<Outcome<RelayState>["kind"]>;
  stop(): Promise<void>;
};

const POLL_MS = 60_000;
const DEBOUNCE_MS = 200;

/** Reads the last known state from disk and starts to poll for newer ones. */
export async function createStateSync({
  client,
  file,
  siteId,
  log,
  onChange,
  random = Math.random,
  pollMs = POLL_MS,
  debounceMs = DEBOUNCE_MS,
}: StateSyncOptions): Promise<StateSync> {
  const stopping = new AbortController();
  let state = await file.read();
  let running: Promise<Outcome<RelayState>["kind"]> | undefined;
  let hint: NodeJS.Timeout | undefined;
  let poll: NodeJS.Timeout | undefined;
  let lastKind: Outcome<RelayState>["kind"] | undefined;
  /** The newest revision heard of. */
  let announced = state?.revision ?? 0;

  if (state !== undefined) onChange?.(state);
  schedulePoll();

  function schedulePoll(): void {
    clearTimeout(poll);
    if (stopping.signal.aborted) return;
    // 75 % to 125 %: relays that started together drift apart.
    poll = setTimeout(() => void refresh(), pollMs * (0.75 + random() / 2));
  }

  function refresh(): Promise<Outcome<RelayState>["kind"]> {
    running ??= fetchOnce().finally(() => {
      running = undefined;
      schedulePoll();
    });
    return running;
  }

  async function fetchOnce(): Promise<Outcome<RelayState>["kind"]> {
    const outcome = checkSite(await client.fetchState(state?.revision, stopping.signal));
    if (stopping.signal.aborted) return outcome.kind;
    report(outcome);
    if (outcome.kind !== "ok") return outcome.kind;
    const answer = outcome.value;
    if (state !== undefined && !isNews(state, answer)) return "ok";
    state = mergeState(state, answer);
    // A control plane restored from a backup starts again from an older revision.
    if (answer.full) announced = answer.revision;
    onChange?.(state);
    await file.write(state);
    return "ok";
  }

  /** A fetch that is under way may bring what was announced, or something older. */
  async function catchUp(): Promise<void> {
    await running;
    if (!stopping.signal.aborted && (state?.revision ?? -1) < announced) await refresh();
  }

  function checkSite(outcome: Outcome<RelayState>): Outcome<RelayState> {
    if (outcome.kind !== "ok" || outcome.value.site.id === siteId) return outcome;
    return {
      kind: "bad-answer",
      status: 200,
      reason: `the state is of another site, ${outcome.value.site.id}`,
    };
  }

  /** Once a change of fortune, not once a poll. */
  function report(outcome: Outcome<RelayState>): void {
    if (outcome.kind === lastKind) return;
    const first = lastKind === undefined;
    lastKind = outcome.kind;
    const holding = state === undefined ? "nothing is known of the site yet" : "the last known state is used";
    switch (outcome.kind) {
      case "ok":
        log.info({ revision: outcome.value.revision }, first ? "state fetched" : "the control plane is back");
        return;
      case "unauthorized":
        log.error("credentials refused; run `pxedge relay join` again");
        return;
      case "unreachable":
        log.warn({ reason: outcome.reason }, `the control plane cannot be reached; ${holding}`);
        return;
      case "bad-answer":
        log.error(
          { status: outcome.status, reason: outcome.reason },
          `the control plane's answer cannot be used; ${holding}`,
        );
        return;
    }
  }

  return {
    current: () => state,
    noteRevision(revision) {
      if (!/^\d{1,15}$/.test(revision) || Number(revision) <= announced) return;
      announced = Number(revision);
      if (stopping.signal.aborted) return;
      clearTimeout(hint);
      hint = setTimeout(() => void catchUp(), debounceMs);
    },
    refresh,
    async stop() {
      stopping.abort();
      clearTimeout(hint);
      clearTimeout(poll);
      await running;
    },
  };
}

/** Whether an answer differs from what is held; keys and prefetch may move without the revision. */
function isNews(held: RelayState, answer: RelayState): boolean {
  const rest = ({ site, imageKeys, prefetch }: RelayState): string =>
    JSON.stringify([site, imageKeys, prefetch]);
  return answer.full || answer.revision !== held.revision || rest(answer) !== rest(held);
}
