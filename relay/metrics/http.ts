import type { FinishedExchange } from "../http/exchange-events.ts";
import type { Priority } from "../http/gate.ts";
import { routeRequest } from "../http/route.ts";
import type { Metrics, Sample } from "./registry.ts";

const SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 3, 10, 30, 120];

/** Adds requests of machines; what is returned is told of each that has ended. */
export function addHttpMetrics(
  metrics: Metrics,
  underWay: () => Readonly<Record<Priority, number>>,
): (exchange: FinishedExchange) => void {
  const ended = new Map<string, { readonly labels: Record<string, string>; count: number; bytes: number }>();
  metrics.counter(
    {
      name: "pxedge_http_requests_total",
      help: "HTTP requests of machines that ended, by what was asked for and status; cut: the client left before the end",
      labels: ["route", "status"],
    },
    () => [...ended.values()].map(({ labels, count }): Sample => [labels, count]),
  );
  metrics.counter(
    { name: "pxedge_http_sent_bytes_total", help: "Bytes of bodies sent to machines", labels: ["route"] },
    () => {
      const byRoute = new Map<string, number>();
      for (const { labels, bytes } of ended.values()) {
        const route = labels["route"]!;
        byRoute.set(route, (byRoute.get(route) ?? 0) + bytes);
      }
      return [...byRoute].map(([route, bytes]): Sample => [{ route }, bytes]);
    },
  );
  metrics.gauge(
    {
      name: "pxedge_http_requests_active",
      help: "HTTP requests of machines under way; image: of image files and mirrors",
      labels: ["priority"],
    },
    () => Object.entries(underWay()).map(([priority, count]): Sample => [{ priority }, count]),
  );
  const durations = metrics.durations(
    {
      name: "pxedge_http_request_duration_seconds",
      help: "From a request's head to the end of its answer",
      labels: ["route"],
    },
    SECONDS,
  );
  return ({ method, target, status, durationMs, complete, answer }) => {
    const route = routeRequest(method, target).kind;
    const labels = { route, status: complete ? String(status) : "cut" };
    const key = `${route} ${labels.status}`;
    const counted = ended.get(key) ?? { labels, count: 0, bytes: 0 };
    ended.set(key, counted);
    counted.count += 1;
    counted.bytes += answer.bytes;
    durations.observe({ route }, durationMs / 1000);
  };
}
