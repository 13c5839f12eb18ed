import type { Clock } from "../clock.ts";
import type { Contact } from "../control-plane/contact.ts";
import type { JournalStats } from "../journal/journal.ts";
import type { Metrics, Sample } from "./registry.ts";

const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Adds how long the control plane's answers take; what is returned is told of each, in seconds. */
export function addLatencyMetrics(metrics: Metrics): (seconds: number) => void {
  const durations = metrics.durations(
    {
      name: "pxedge_control_plane_request_duration_seconds",
      help: "From a question to the head of the control plane's answer; images are not counted",
    },
    SECONDS,
  );
  return (seconds) => durations.observe({}, seconds);
}

/** Adds the way to the control plane, and the host's clock beside its. */
export function addContactMetrics(metrics: Metrics, contact: Contact, clock: Pick<Clock, "errorMs">): void {
  metrics.gauge(
    {
      name: "pxedge_control_plane_reachable",
      help: "1 if the control plane answered the last question and knows this relay, else 0",
    },
    () => [[{}, contact.state === "reachable" ? 1 : 0]],
  );
  metrics.gauge(
    {
      name: "pxedge_control_plane_last_contact_timestamp_seconds",
      help: "When the control plane answered last; absent if it never did",
    },
    (): Sample[] => {
      const at = contact.lastTime();
      return at === undefined ? [] : [[{}, at / 1000]];
    },
  );
  metrics.gauge(
    {
      name: "pxedge_clock_error_seconds",
      help: "How far this host's clock is ahead of the control plane's, while that is more than 30 s; else 0",
    },
    () => [[{}, clock.errorMs / 1000]],
  );
}

/** Adds the events on their way to the control plane. */
export function addJournalMetrics(metrics: Metrics, stats: () => JournalStats): void {
  const one = (read: (stats: JournalStats) => number): (() => Sample[]) => {
    return () => [[{}, read(stats())]];
  };
  metrics.gauge(
    { name: "pxedge_journal_events", help: "Events that the control plane does not have yet" },
    one(({ waiting }) => waiting),
  );
  metrics.gauge(
    { name: "pxedge_journal_bytes", help: "What those take" },
    one(({ waitingBytes }) => waitingBytes),
  );
  metrics.gauge(
    {
      name: "pxedge_journal_disk_failed",
      help: "1 while events cannot be written and are kept in memory, else 0",
    },
    one(({ diskFailed }) => (diskFailed ? 1 : 0)),
  );
  metrics.counter(
    { name: "pxedge_journal_delivered_total", help: "Events delivered to the control plane" },
    one(({ delivered }) => delivered),
  );
  metrics.counter(
    { name: "pxedge_journal_rejected_total", help: "Events that the control plane did not want" },
    one(({ rejected }) => rejected),
  );
  metrics.counter(
    { name: "pxedge_journal_dropped_total", help: "Events given up because the journal was full" },
    one(({ dropped }) => dropped),
  );
}
