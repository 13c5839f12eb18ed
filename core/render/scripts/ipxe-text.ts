import { CONTEXTS } from "../contexts.ts";
import { ScriptError } from "./script-error.ts";

/**
 * A value, such as a URL, as one word of an iPXE command.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function ipxeWord(field: string, value: string): string {
  const result = CONTEXTS.ipxe.open().slot().encode(value);
  if (typeof result !== "string") throw new ScriptError("unrenderable-value", field, result.reason);
  if (value.startsWith("-"))
    throw new ScriptError("unrenderable-value", field, "iPXE would take it as an option");
  return result;
}

/**
 * A line of text as the last words of an iPXE command, behind `--` where the
 * command has options. iPXE puts one blank between words again.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function ipxeLine(field: string, text: string): string {
  const words = text.split(" ").filter((word) => word !== "");
  if (words.length === 0) throw new ScriptError("unrenderable-value", field, "holds no text");
  return words
    .map((word) => {
      const result = CONTEXTS.ipxe.open().slot().encode(word);
      if (typeof result !== "string") throw new ScriptError("unrenderable-value", field, result.reason);
      return result;
    })
    .join(" ");
}
