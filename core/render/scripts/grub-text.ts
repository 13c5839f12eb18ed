import { CONTEXTS } from "../contexts.ts";
import { ScriptError } from "./script-error.ts";

/**
 * A value as one word of a GRUB command, quoted.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function grubWord(field: string, value: string): string {
  const result = CONTEXTS.grub.open().value(value);
  if (result.kind === "refused") throw new ScriptError("unrenderable-value", field, result.reason);
  return result.text;
}

/**
 * Says something on the console.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function grubEcho(field: string, text: string): string {
  return `echo ${grubWord(field, `pxedge: ${text}`)}`;
}
