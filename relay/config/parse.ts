import { readFile } from "node:fs/promises";
import { isCollection, isMap, isScalar, LineCounter, parseDocument } from "yaml";
import type { Document, Node, Pair } from "yaml";
import type { z } from "zod";

import { checkNetworks } from "./check-networks.ts";
import { describeIssue, formatField } from "./messages.ts";
import type { Path } from "./messages.ts";
import type { InterfaceConfig, RelayConfig } from "./model.ts";
import { formatProblem, RelayConfigError, RelayConfigUnreadableError } from "./problems.ts";
import type { ConfigProblem } from "./problems.ts";
import { relayConfigSchema } from "./schema.ts";

/** A configuration, and where its fields stand. */
export type RelayConfigFile = {
  readonly config: RelayConfig;
  /** Formats what is wrong with a field that is there as `relay.yaml:7: http.port: must be …`. */
  readonly describe: (path: Path, message: string) => string;
};

/**
 * Reads and parses a relay's configuration file.
 *
 * @throws RelayConfigUnreadableError (`RELAY_CONFIG_UNREADABLE`), RelayConfigError (`RELAY_CONFIG_INVALID`)
 */
export async function loadRelayConfig(fileName: string): Promise<RelayConfig> {
  return (await loadRelayConfigFile(fileName)).config;
}

/** The same, with where its fields stand. @throws as `loadRelayConfig` */
export async function loadRelayConfigFile(fileName: string): Promise<RelayConfigFile> {
  let text: string;
  try {
    text = await readFile(fileName, "utf8");
  } catch (error) {
    throw new RelayConfigUnreadableError(fileName, error);
  }
  return parseRelayConfigFile(text, fileName);
}

/**
 * Parses the YAML text of a relay's configuration and fills in its defaults.
 * `fileName` only names the file in messages.
 *
 * @throws RelayConfigError (`RELAY_CONFIG_INVALID`) with every problem at once
 */
export function parseRelayConfig(text: string, fileName: string): RelayConfig {
  return parseRelayConfigFile(text, fileName).config;
}

function parseRelayConfigFile(text: string, fileName: string): RelayConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });

  const syntax = [...document.errors, ...document.warnings].map((error): ConfigProblem => {
    return { ...positionAt(lines, error.pos[0]), field: "", message: error.message };
  });
  if (syntax.length > 0) throw new RelayConfigError(fileName, syntax);

  const data = toData(document, fileName);
  const result = relayConfigSchema.safeParse(data, { reportInput: true });
  if (result.success) {
    const describe = (path: Path, message: string): string =>
      formatProblem(fileName, {
        ...positionAt(lines, offsetOf(document, path)),
        field: formatField(path),
        message,
      });
    return { config: withoutContradictions(result.data, describe), describe };
  }
  throw new RelayConfigError(
    fileName,
    result.error.issues.flatMap((issue) => problemsOf(issue, data, document, lines)),
  );
}

/** Takes DHCP from interfaces whose networks contradict something: the others go on. */
function withoutContradictions(config: RelayConfig, describe: RelayConfigFile["describe"]): RelayConfig {
  const problems = Map.groupBy(checkNetworks(config.interfaces), ({ interfaceIndex }) => interfaceIndex);
  const interfaces = config.interfaces.map((each, index): InterfaceConfig => {
    const own = problems.get(index);
    return own === undefined
      ? each
      : {
          ...each,
          dhcp: { mode: "refused", problems: own.map(({ path, message }) => describe(path, message)) },
        };
  });
  return { ...config, interfaces };
}

function toData(document: Document.Parsed, fileName: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 20 });
  } catch (error) {
    // Aliases that point nowhere, or that multiply ("billion laughs").
    if (!(error instanceof ReferenceError)) throw error;
    throw new RelayConfigError(fileName, [{ line: 1, column: 1, field: "", message: error.message }]);
  }
}

/** One problem an issue, but one a key for unknown keys, each at its own line. */
function problemsOf(
  issue: z.core.$ZodIssue,
  data: unknown,
  document: Document.Parsed,
  lines: LineCounter,
): ConfigProblem[] {
  const path = issue.path as Path;
  const paths = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
  return paths.map((path) => ({
    ...positionAt(lines, offsetOf(document, path)),
    field: formatField(path),
    message: describeIssue(issue, path, data),
  }));
}

/** Where a field stands: at its key in a map, at itself in a list; else at the nearest parent that is there. */
function offsetOf(document: Document.Parsed, path: Path): number {
  if (path.length === 0) return document.contents?.range?.[0] ?? 0;
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find((pair) => keyOf(pair) === last);
    if (pair !== undefined) return (pair.key as Node).range?.[0] ?? 0;
  } else if (isCollection(parent)) {
    const item = parent.get(last, true);
    if (item?.range) return item.range[0];
  }
  return offsetOf(document, path.slice(0, -1));
}

function keyOf(pair: Pair): unknown {
  return isScalar(pair.key) ? pair.key.value : undefined;
}

function positionAt(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}
