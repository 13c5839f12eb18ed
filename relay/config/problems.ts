import { PxedgeError } from "../../core/errors.ts";

/** One thing that is wrong with a configuration file. */
export type ConfigProblem = {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Where in the document, e.g. `interfaces[0].dhcp.range[1]`; empty for the document itself. */
  readonly field: string;
  readonly message: string;
};

/**
 * A configuration that cannot be used. `problems` holds all of them, by line;
 * `message` prints one a line: `relay.yaml:7: http.port: must be …`.
 */
export class RelayConfigError extends PxedgeError {
  readonly code = "RELAY_CONFIG_INVALID";
  readonly problems: readonly ConfigProblem[];

  constructor(fileName: string, problems: readonly ConfigProblem[]) {
    const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
    super(sorted.map((problem) => formatProblem(fileName, problem)).join("\n"));
    this.name = "RelayConfigError";
    this.problems = sorted;
  }
}

/** A configuration file that cannot be read at all. */
export class RelayConfigUnreadableError extends PxedgeError {
  readonly code = "RELAY_CONFIG_UNREADABLE";

  constructor(fileName: string, cause: unknown) {
    super(`${fileName} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "RelayConfigUnreadableError";
  }
}

/** Formats a problem as `relay.yaml:7: http.port: must be …`. */
export function formatProblem(fileName: string, problem: ConfigProblem): string {
  const field = problem.field === "" ? "" : `${problem.field}: `;
  return `${fileName}:${problem.line}: ${field}${problem.message}`;
}
