import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import { isScalar, parseDocument } from "yaml";
import type { Variables } from "../../core/boot/model.ts";
import { isVariableValue } from "../../core/render/variables.ts";
import { UsageError } from "../usage-error.ts";

/** Collects repeated `name=value` options. */
export function collectPairs(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** As `collectPairs`, of variables, which have a type, see `readVariable`. */
export function collectVariables(text: string, before: Variables = {}): Variables {
  const [name, value] = Object.entries(collectPairs(text, {}))[0]!;
  return { ...before, [name]: readVariable(value) };
}

/**
 * A variable's value from text: as YAML reads it, so that `3` is a number, `"3"`
 * text, and `[a, b]` a list. What YAML would read as anything else is text as it
 * stands.
 */
export function readVariable(value: string): Variables[string] {
  const document = parseDocument(value);
  const { contents } = document;
  const isPlainText = isScalar(contents) && typeof contents.value === "string" && contents.type === "PLAIN";
  const read: unknown = isPlainText || document.errors.length > 0 ? value : document.toJS();
  return isVariableValue(read) ? read : value;
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
