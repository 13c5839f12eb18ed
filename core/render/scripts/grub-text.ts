import { CONTEXTS } from "../contexts.ts";
import { ScriptError } from "./script-error.ts";

/**
 * A value as one word of a GRUB command, quoted.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function grubWord(field: string, value: string): string {
  const result = CONTEXTS.grub.open().slot().encode(value);
  if (typeof result !== "string") throw new ScriptError("unrenderable-value", field, result.reason);
  return result;
}

/**
 * Says something on the console.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function grubEcho(field: string, text: string): string {
  return `echo ${grubWord(field, `pxedge: ${text}`)}`;
}
