import { CONTEXTS } from "../contexts.ts";
import { ScriptError } from "./script-error.ts";

/**
 * A line of a PXELINUX configuration: a directive and its operand.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function pxelinuxLine(directive: string, field: string, value: string): string {
  const encoder = CONTEXTS.pxelinux.open();
  encoder.literal(`${directive} `);
  const result = encoder.value(value);
  if (result.kind === "refused") throw new ScriptError("unrenderable-value", field, result.reason);
  return `${directive} ${result.text}`;
}
