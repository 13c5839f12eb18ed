import pino, { type Logger } from "pino";

import type { LogLevel } from "./config/model.ts";

export type LogOptions = {
  readonly level: LogLevel;
  readonly format: "json" | "pretty";
  /** Where lines go; standard output by default. */
  readonly write?: (line: string) => void;
};

/** What pino writes into each line besides what was logged. */
type Line = { level: string; time: string; msg?: string; err?: { message?: string; stack?: string } };

/**
 * Creates the relay's log: a JSON object a line, or text for people's eyes.
 * Written in the same turn: the last line before a crash is the one needed.
 */
export function createLog({ level, format, write = writeStdout }: LogOptions): Logger {
  return pino(
    {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: format === "json" ? write : (line) => write(formatPretty(line)) },
  );
}

function writeStdout(line: string): void {
  process.stdout.write(line);
}

/**
 * Formats a JSON line for people.
 *
 * @example 07:15:02.123 warn  the control plane cannot be reached  reason="ECONNREFUSED"
 */
function formatPretty(line: string): string {
  const { level, time, msg, err, ...rest } = JSON.parse(line) as Line & Record<string, unknown>;
  const fields = Object.entries(rest).map(([key, value]) => `  ${key}=${JSON.stringify(value)}`);
  const error = err === undefined ? "" : `\n${err.stack ?? err.message ?? ""}`;
  return `${time.slice(11, 23)} ${level.padEnd(5)} ${msg ?? ""}${fields.join("")}${error}\n`;
}
