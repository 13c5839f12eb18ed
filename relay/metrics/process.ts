import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

import { VERSION } from "../version.ts";
import type { Metrics, Sample } from "./registry.ts";

/** How often it is looked how late the event loop is; a look costs a wake-up. */
const LAG_RESOLUTION_MS = 20;

/** Adds the process; what is returned ends the watch over its event loop. */
export function addProcessMetrics(metrics: Metrics): () => void {
  metrics.gauge({ name: "pxedge_relay_info", help: "Always 1", labels: ["version", "node"] }, () => [
    [{ version: VERSION, node: process.version }, 1],
  ]);
  metrics.gauge({ name: "process_resident_memory_bytes", help: "Memory that is resident" }, () => [
    [{}, process.memoryUsage.rss()],
  ]);
  metrics.counter({ name: "process_cpu_seconds_total", help: "CPU time of user and system" }, () => {
    const { user, system } = process.cpuUsage();
    return [[{}, (user + system) / 1e6]];
  });
  metrics.gauge({ name: "process_start_time_seconds", help: "When the process started" }, () => [
    [{}, performance.timeOrigin / 1000],
  ]);
  metrics.gauge({ name: "process_open_fds", help: "Open file descriptors" }, () => [
    [{}, readdirSync("/proc/self/fd").length],
  ]);
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  lag.enable();
  metrics.gauge(
    {
      name: "pxedge_event_loop_lag_seconds",
      help: "How late the event loop was since the last scrape; percentile 100: at most",
      labels: ["percentile"],
    },
    () => {
      const seconds = (nanoseconds: number): number =>
        Math.max(0, nanoseconds / 1e9 - LAG_RESOLUTION_MS / 1e3);
      const samples: Sample[] = [
        [{ percentile: "50" }, seconds(lag.percentile(50))],
        [{ percentile: "99" }, seconds(lag.percentile(99))],
        [{ percentile: "100" }, lag.count === 0 ? 0 : seconds(lag.max)],
      ];
      lag.reset();
      return samples;
    },
  );
  return () => lag.disable();
}
