import type { InterfaceView } from "../interface-view.ts";
import type { Metrics, Sample } from "./registry.ts";

const ENDS = ["sent", "probed", "failed", "refused"] as const;

const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Adds what TFTP did, by interface; what is returned is told how long each transfer took, in seconds. */
export function addTftpMetrics(
  metrics: Metrics,
  interfaces: () => readonly InterfaceView[],
): (seconds: number) => void {
  const each = (read: (view: InterfaceView) => number): (() => Sample[]) => {
    return () => interfaces().map((view): Sample => [{ interface: view.name }, read(view)]);
  };
  metrics.counter(
    {
      name: "pxedge_tftp_transfers_total",
      help: "TFTP requests that ended, by how; probed: the client asked for the size and left",
      labels: ["interface", "end"],
    },
    () =>
      interfaces().flatMap(({ name, tftp }) =>
        ENDS.map((end): Sample => [{ interface: name, end }, tftp[end]]),
      ),
  );
  metrics.gauge(
    { name: "pxedge_tftp_transfers_active", help: "TFTP transfers under way", labels: ["interface"] },
    each(({ transfers }) => transfers),
  );
  metrics.counter(
    {
      name: "pxedge_tftp_dropped_total",
      help: "TFTP requests dropped because too many transfers were under way",
      labels: ["interface"],
    },
    each(({ tftp }) => tftp.limited),
  );
  metrics.counter(
    {
      name: "pxedge_tftp_sent_bytes_total",
      help: "Bytes of files that clients acknowledged",
      labels: ["interface"],
    },
    each(({ tftp }) => tftp.bytes),
  );
  metrics.counter(
    { name: "pxedge_tftp_resent_blocks_total", help: "Blocks sent again", labels: ["interface"] },
    each(({ tftp }) => tftp.resent),
  );
  const durations = metrics.durations(
    { name: "pxedge_tftp_transfer_duration_seconds", help: "How long transfers of whole files took" },
    SECONDS,
  );
  return (seconds) => durations.observe({}, seconds);
}
