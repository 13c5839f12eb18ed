/** Tells how far a long work is: a line that is rewritten on a terminal, one now and then elsewhere. */
export type Progress = {
  /** @param done of `total`, in the same unit */
  update(done: number): void;
  end(): void;
};

const TERMINAL_INTERVAL_MS = 100;
const LOG_INTERVAL_MS = 10_000;

/** Progress of a transfer, in bytes, on stderr: stdout is for what scripts read. */
export function showProgress(label: string, totalBytes: number): Progress {
  const out = process.stderr;
  const startedAt = performance.now();
  // A short transfer says nothing where nobody watches.
  let shownAt = out.isTTY ? -Infinity : startedAt;
  return {
    update(done) {
      const now = performance.now();
      if (now - shownAt < (out.isTTY ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)) return;
      shownAt = now;
      const percent = totalBytes === 0 ? 100 : Math.floor((done / totalBytes) * 100);
      const rate = formatBytes((done / Math.max(1, now - startedAt)) * 1_000);
      const text = `${label}: ${percent} % of ${formatBytes(totalBytes)}, ${rate}/s`;
      out.write(out.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
    },
    end() {
      if (out.isTTY) out.write("\r\u001b[K");
    },
  };
}

/** Names what is under way, on a terminal, until it ends. */
export async function showStep<T>(label: string, work: () => Promise<T>): Promise<T> {
  const out = process.stderr;
  if (out.isTTY) out.write(`\r\u001b[K${label} …`);
  try {
    return await work();
  } finally {
    if (out.isTTY) out.write("\r\u001b[K");
  }
}

/** `1.5 MiB`: binary units, as sizes are configured. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
