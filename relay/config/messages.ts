import type { z } from "zod";

import { FIRMWARE_CLASSES } from "../../core/relay-protocol/state.ts";
import { closestName } from "../../core/closest-name.ts";
import { DHCP_KEYS, DHCP_MODES, SUBNET_KEYS } from "./dhcp-schema.ts";

/** Where in the document a value stands. */
export type Path = readonly (string | number)[];

/** Keys by the path of their map, list positions written `[]`: what `closestName` may suggest. */
const KNOWN_KEYS: Record<string, readonly string[]> = {
  "": [
    "controlPlane",
    "stateDir",
    "interfaces",
    "tftp",
    "http",
    "admin",
    "bootFiles",
    "cache",
    "mirrors",
    "log",
  ],
  controlPlane: ["url", "decisionSeconds"],
  "interfaces[]": ["name", "dhcp"],
  "interfaces[].dhcp": DHCP_KEYS,
  "interfaces[].dhcp.subnets[]": SUBNET_KEYS,
  tftp: ["root", "port"],
  http: ["port", "maxRate", "maxRatePerClient"],
  admin: ["address", "port"],
  bootFiles: FIRMWARE_CLASSES,
  cache: ["maxBytes", "mirrorBytes", "maxRate", "prefetch"],
  "mirrors.*": ["upstream", "redirects", "immutable"],
  log: ["level", "format"],
};

const TYPE_WORDS: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a map of keys to values",
  null: "nothing",
};

/** Formats a path as `interfaces[0].dhcp.range[1]`. */
export function formatField(path: Path): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join("");
}

/** Says in a sentence what is wrong at `path`; for an unknown key, `path` ends in that key. */
export function describeIssue(issue: z.core.$ZodIssue, path: Path, data: unknown): string {
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the others bring their own sentence
  switch (issue.code) {
    case "unrecognized_keys":
      return describeUnknownKey(path, data);
    case "invalid_union":
      return path.at(-1) === "mode" ? describeDhcpMode(path, data) : issue.message;
    case "invalid_type":
      return describeType(issue.expected, path, data);
    case "invalid_value": {
      const allowed = issue.values.join(", ");
      return `is ${shown(valueAt(data, path))}; must be one of: ${allowed}`;
    }
    case "too_big":
    case "too_small":
      return issue.origin === "array" && isRange(path)
        ? "must be two addresses, [first, last]"
        : issue.message;
    default:
      return issue.message;
  }
}

function isRange(path: Path): boolean {
  return path.at(-1) === "range" || path.at(-2) === "ranges";
}

function describeType(expected: string, path: Path, data: unknown): string {
  const value = valueAt(data, path);
  if (path.length === 0) {
    return value === null
      ? "the file is empty"
      : `the file holds ${shown(value)}; it must hold controlPlane and interfaces`;
  }
  if (value === undefined || value === null) {
    return path.at(-1) === "dhcp"
      ? "is missing; `dhcp: { mode: off }` answers no DHCP on this interface"
      : "is missing";
  }
  return `is ${shown(value)}; must be ${TYPE_WORDS[expected] ?? expected}`;
}

function describeDhcpMode(path: Path, data: unknown): string {
  const mode = valueAt(data, path);
  const known = DHCP_MODES.join(", ");
  // YAML 1.1 habits: an unquoted `off` reads as text in YAML 1.2, `false` does not.
  return mode === undefined
    ? `is missing; must be one of: ${known}`
    : `is ${shown(mode)}; must be one of: ${known}`;
}

function describeUnknownKey(path: Path, data: unknown): string {
  const place = formatField(path.slice(0, -1))
    .replaceAll(/\[\d+\]/g, "[]")
    .replace(/^mirrors\.[^.]+$/, "mirrors.*");
  const key = String(path.at(-1));
  if (place === "interfaces[].dhcp" && KNOWN_KEYS[place]!.includes(key)) {
    return `has no meaning with mode: ${String(valueAt(data, [...path.slice(0, -1), "mode"]))}; take it out`;
  }
  const known = KNOWN_KEYS[place] ?? [];
  const suggestion = closestName(key, known);
  return suggestion === undefined
    ? `is not known here; known are: ${known.join(", ")}`
    : `is not known; did you mean ${suggestion}?`;
}

function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

function shown(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return JSON.stringify(value) ?? "nothing";
}
