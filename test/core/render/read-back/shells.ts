import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Reader, Readings } from "./reader.ts";

const END = "\u0001end of text\u0001";

/** Runs each text in one shell; what it prints ends in NUL each. */
export function shellReader(shell: string): Reader {
  return {
    name: shell,
    available: isThere(shell, ["-c", ":"]),
    read(texts) {
      const script = texts.map((text) => `${text}\nprintf '%s\\0' '${END}'\n`).join("");
      return splitReadings(runScript(shell, script), texts.length);
    },
  };
}

/** Splits each text, a line, into words as installers split /proc/cmdline. */
export function wordSplittingReader(shell: string): Reader {
  const script = `set -f
    while IFS= read -r line; do
      for word in $line; do printf '%s\\0' "$word"; done
      printf '%s\\0' '${END}'
    done`;
  return {
    name: `${shell}, splitting`,
    available: isThere(shell, ["-c", ":"]),
    read(texts) {
      return splitReadings(runScript(shell, script, `${texts.join("\n")}\n`), texts.length);
    },
  };
}

export function isThere(command: string, args: readonly string[]): boolean {
  return process.env["PXEDGE_REQUIRE_ALL"] === "1" || spawnSync(command, args).status === 0;
}

function runScript(shell: string, script: string, input = ""): string {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-read-back-"));
  try {
    const file = join(directory, "script");
    writeFileSync(file, script);
    // By its path: the script shall find no programs.
    const run = spawnSync(`/bin/${shell}`, [file], {
      input,
      encoding: "utf8",
      maxBuffer: 1 << 30,
      env: { PATH: "/nonexistent", LC_ALL: "C.UTF-8" },
    });
    if (run.error !== undefined) throw run.error;
    return run.stdout;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function splitReadings(output: string, count: number): Readings {
  const readings: string[][] = [[]];
  for (const piece of output.split("\0").slice(0, -1)) {
    if (piece === END) readings.push([]);
    else readings.at(-1)!.push(piece);
  }
  return Array.from({ length: count }, (_, i) =>
    i < readings.length - 1 ? readings[i]! : { error: "not reached" },
  );
}
