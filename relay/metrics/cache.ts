import type { ImageCacheStats } from "../cache/image-cache.ts";
import type { MirrorStats } from "../mirror/mirror.ts";
import type { Metrics, Sample } from "./registry.ts";

/** Adds the image cache. */
export function addCacheMetrics(
  metrics: Metrics,
  stats: () => ImageCacheStats,
  maxBytes: () => number,
): void {
  const one = (read: (stats: ImageCacheStats) => number): (() => Sample[]) => {
    return () => [[{}, read(stats())]];
  };
  metrics.counter(
    {
      name: "pxedge_cache_requests_total",
      help: "Image files opened: hit: here whole; fill: brought meanwhile; origin: not to be kept",
      labels: ["result"],
    },
    () => {
      const { hits, fills, passed } = stats();
      return [
        [{ result: "hit" }, hits],
        [{ result: "fill" }, fills],
        [{ result: "origin" }, passed],
      ];
    },
  );
  metrics.counter(
    { name: "pxedge_cache_origin_bytes_total", help: "Bytes of image files received from the control plane" },
    one(({ originBytes }) => originBytes),
  );
  metrics.counter(
    { name: "pxedge_cache_served_bytes_total", help: "Bytes of image files given to machines" },
    one(({ servedBytes }) => servedBytes),
  );
  metrics.counter(
    { name: "pxedge_cache_retries_total", help: "Downloads of image files that had to be tried again" },
    one(({ retries }) => retries),
  );
  metrics.counter(
    {
      name: "pxedge_cache_verification_failures_total",
      help: "Chunks, files and answers that were not what an image's manifest says",
    },
    one(({ mismatches }) => mismatches),
  );
  metrics.counter(
    { name: "pxedge_cache_evictions_total", help: "Image files that gave way to others" },
    one(({ evictions }) => evictions),
  );
  metrics.gauge(
    { name: "pxedge_cache_files", help: "Image files on the disk" },
    one(({ objects }) => objects),
  );
  metrics.gauge(
    { name: "pxedge_cache_bytes", help: "Bytes of image files on the disk" },
    one(({ bytes }) => bytes),
  );
  metrics.gauge({ name: "pxedge_cache_max_bytes", help: "Most that image files may take" }, () => [
    [{}, maxBytes()],
  ]);
}

/** Adds the package mirrors. */
export function addMirrorMetrics(metrics: Metrics, stats: () => MirrorStats): void {
  metrics.counter(
    {
      name: "pxedge_mirror_requests_total",
      help: "Requests for files of package mirrors, by where the answer came from; passed: not to be kept",
      labels: ["result"],
    },
    () => Object.entries(stats().outcomes).map(([result, count]): Sample => [{ result }, count]),
  );
  metrics.counter({ name: "pxedge_mirror_evictions_total", help: "Files of mirrors that gave way" }, () => [
    [{}, stats().evictions],
  ]);
  metrics.gauge({ name: "pxedge_mirror_files", help: "Files of mirrors on the disk" }, () => [
    [{}, stats().files],
  ]);
  metrics.gauge({ name: "pxedge_mirror_bytes", help: "Bytes of mirrors' files on the disk" }, () => [
    [{}, stats().bytes],
  ]);
}
