import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import { parseDocument } from "yaml";
import { UsageError } from "../usage-error.ts";

/** Collects repeated `name=value` options. */
export function collectPairs(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/**
 * As `collectPairs`, of variables, which have a type: the value is read as YAML
 * reads a scalar, so `count=3` is a number and `count="3"` is text.
 */
export function collectVariables(
  text: string,
  before: Record<string, string | number | boolean>,
): Record<string, string | number | boolean> {
  const [name, value] = Object.entries(collectPairs(text, {}))[0]!;
  const scalar = parseDocument(value).toJS() as unknown;
  const isTyped = typeof scalar === "number" || typeof scalar === "boolean" || /^".*"$|^'.*'$/s.test(value);
  return { ...before, [name]: isTyped ? (scalar as string | number | boolean) : value };
}

/** The text of a file, or of stdin for `-`. @throws UsageError */
export function readTextArgument(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** The YAML or JSON document in a file, or on stdin for `-`. @throws UsageError with line and column */
export function readDocumentArgument(file: string): unknown {
  const document = parseDocument(readTextArgument(file), { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) throw new UsageError(`${file}: ${error.message}`);
  return document.toJS() as unknown;
}
