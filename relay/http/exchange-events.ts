import type { Logger } from "pino";

import type { EventDetail, EventSink, ObservedClient } from "../../core/relay-protocol/events.ts";
import type { Answer } from "./answer.ts";
import type { Ipv4 } from "../../core/addresses.ts";
import { createEventSampler } from "./event-sampler.ts";
import { redactTarget } from "./redact.ts";

const MAX_REASON_LENGTH = 300;

/** A request and how it ended. */
export type FinishedExchange = {
  readonly method: string;
  /** As received: it is redacted here. */
  readonly target: string;
  readonly ip: Ipv4;
  /** Told when it is wanted: not every exchange is reported. */
  readonly client: () => ObservedClient;
  readonly status: number;
  readonly durationMs: number;
  /** Whether all of the answer left; else the client closed before. */
  readonly complete: boolean;
  readonly answer: Answer;
};

/** Reports requests to the log and the journal. */
export type ReportExchange = (exchange: FinishedExchange) => void;

export type ExchangeReporterOptions = {
  readonly sink: EventSink;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Only what could not be answered: the rest is told by who asked, as TFTP does of a file that it sent. */
  readonly onlyFailures?: boolean;
};

/**
 * Creates the reporter. Each exchange is a line of the log, at `info` or above
 * where it becomes an event. Good answers all do: they are the boot's timeline.
 * What is refused or fails, and the files of an image of which an installer
 * fetches thousands, are sampled a client.
 */
export function createExchangeReporter({
  sink,
  log,
  now,
  onlyFailures = false,
}: ExchangeReporterOptions): ReportExchange {
  const refusals = createEventSampler({ now, perMinute: 5, maxKeys: 1000 });
  const files = createEventSampler({ now, perMinute: 60, maxKeys: 1000 });
  const failures = createEventSampler({ now, perMinute: 20, maxKeys: 1000 });

  return ({ method, target, ip, client, status, durationMs, complete, answer }) => {
    const { bytes, source } = answer;
    const why =
      answer.kind === "failed"
        ? answer.reason
        : complete
          ? undefined
          : `the client left after ${bytes} bytes`;
    const reason = why?.slice(0, MAX_REASON_LENGTH);
    const sampler =
      reason !== undefined ? failures : status >= 400 ? refusals : source !== undefined ? files : undefined;
    const isTold = !onlyFailures || answer.kind === "failed";
    const suppressed = !isTold ? undefined : sampler === undefined ? 0 : sampler.admit(ip);
    const level = suppressed !== undefined && reason === undefined ? "info" : "debug";
    if (log.isLevelEnabled(level)) {
      const path = redactTarget(target);
      log[level]({ method, path, ip, mac: client().mac, status, bytes, source, durationMs, reason }, "http");
    }

    if (suppressed === undefined) return;
    const { mac } = client();
    const about: EventDetail = { method, path: redactTarget(target), ip };
    if (suppressed > 0) about.suppressed = suppressed;
    if (reason === undefined) {
      const detail = { ...about, status, bytes, durationMs, ...(source !== undefined && { source }) };
      sink({ mac, stage: "http", name: "served", detail });
    } else {
      log.warn({ ...about, mac, reason }, "a request failed");
      sink({ mac, stage: "http", name: "failed", detail: { ...about, reason } });
    }
  };
}
