import type { BootEvent } from "../../core/relay-protocol/events.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import type { RelayImageManifest } from "../../core/relay-protocol/image-manifest.ts";
import type { RelayState } from "../../core/relay-protocol/state.ts";
import { describeFailure, readAnswerText } from "./answer.ts";
import type { Contact } from "./contact.ts";
import { eventsAnswerSchema, imageManifestSchema, relayStateSchema, type EventsAnswer } from "./schema.ts";

/**
 * What came of a request to the control plane:
 * - `unauthorized`: the credential is unknown or revoked; trying again will not help
 * - `unreachable`: no answer, or one that says "later"; trying again will
 * - `bad-answer`: it answered, and not as the contract says
 */
export type Outcome<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "unauthorized" }
  | { readonly kind: "unreachable"; readonly reason: string }
  | { readonly kind: "bad-answer"; readonly status: number; readonly reason: string };

/** The relay's own requests; what it forwards for machines goes by relay/http. */
export type ControlPlaneClient = {
  /** All that changed after a revision; everything, without one. */
  fetchState(after?: number, signal?: AbortSignal): Promise<Outcome<RelayState>>;
  /** What a revision of an image holds; `bad-answer` with status 404 where there is none. */
  fetchImageManifest(revision: string, signal?: AbortSignal): Promise<Outcome<RelayImageManifest>>;
  /** Delivers at most `MAX_EVENTS_PER_POST` events. */
  postEvents(events: readonly BootEvent[], signal?: AbortSignal): Promise<Outcome<EventsAnswer>>;
};

export type ControlPlaneClientOptions = {
  /** Origin, e.g. `https://pxe.example.com`. */
  readonly url: string;
  readonly credential: string;
  readonly fetch?: typeof fetch;
  /** For a whole request, its answer included. */
  readonly timeoutMs?: number;
  /** Told the site's state revision that an answer carries. */
  readonly onRevision?: (revision: string) => void;
  /** Told how each exchange went. */
  readonly contact?: Pick<Contact, "answered" | "failed">;
};

type Parsed<T> = { readonly success: true; readonly data: T } | { readonly success: false };

/** Creates the client for a relay's own requests; it never throws. */
export function createControlPlaneClient({
  url,
  credential,
  fetch = globalThis.fetch,
  timeoutMs = 30_000,
  onRevision,
  contact,
}: ControlPlaneClientOptions): ControlPlaneClient {
  async function request<T>(
    path: string,
    init: { method: string; headers?: Record<string, string>; body?: string },
    parse: (data: unknown) => Parsed<T>,
    signal: AbortSignal | undefined,
  ): Promise<Outcome<T>> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const askedAt = performance.now();
    try {
      const response = await fetch(url + path, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${credential}`, accept: "application/json" },
        // The credential is for this control plane, and for nobody it may point to.
        redirect: "manual",
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      });
      const tookMs = performance.now() - askedAt;
      const text = await readAnswerText(response);
      const revision = response.headers.get(RELAY_HEADER.STATE);
      if (response.ok && revision !== null) onRevision?.(revision);
      const outcome = outcomeOf(response.status, text, parse);
      // Whatever else answers in its place has no state to tell of.
      if (outcome.kind === "unreachable" || (outcome.kind === "bad-answer" && revision === null)) {
        contact?.failed(outcome.reason);
      } else contact?.answered({ status: response.status, tookMs, date: response.headers.get("date") });
      return outcome;
    } catch (error) {
      const reason = describeFailure(error);
      if (signal?.aborted !== true) contact?.failed(reason);
      return { kind: "unreachable", reason };
    }
  }

  return {
    fetchState(after, signal) {
      const query = after === undefined ? "" : `?after=${after}`;
      return request(
        `/relay/v1/state${query}`,
        { method: "GET" },
        (data) => relayStateSchema.safeParse(data),
        signal,
      );
    },
    fetchImageManifest(revision, signal) {
      return request(
        `/relay/v1/images/${encodeURIComponent(revision)}`,
        { method: "GET" },
        (data) => imageManifestSchema.safeParse(data),
        signal,
      );
    },
    postEvents(events, signal) {
      return request(
        "/relay/v1/events",
        {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(events),
        },
        (data) => eventsAnswerSchema.safeParse(data),
        signal,
      );
    },
  };
}

function outcomeOf<T>(status: number, text: string, parse: (data: unknown) => Parsed<T>): Outcome<T> {
  if (status === 401) return { kind: "unauthorized" };
  if (status >= 500 || status === 408 || status === 429) {
    return { kind: "unreachable", reason: `the control plane answered ${status}` };
  }
  if (status < 200 || status > 299) {
    return { kind: "bad-answer", status, reason: `the control plane answered ${status}` };
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return { kind: "bad-answer", status, reason: "the answer is not JSON" };
  }
  const parsed = parse(data);
  return parsed.success
    ? { kind: "ok", value: parsed.data }
    : { kind: "bad-answer", status, reason: "the answer is not of the form agreed" };
}
