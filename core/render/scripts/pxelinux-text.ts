import type { LocalBoot } from "../../boot/model.ts";
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
  const result = encoder.slot().encode(value);
  if (typeof result !== "string") throw new ScriptError("unrenderable-value", field, result.reason);
  return `${directive} ${result}`;
}

/**
 * What leaves PXELINUX for the local disk: 0 starts the first one, -1 lets the
 * firmware go on. (Any other drive takes a module, which a boot file may have or not.)
 *
 * @throws ScriptError `unsupported-plan`
 */
export function pxelinuxLocal({ bios }: LocalBoot = {}): string {
  if (bios === undefined) return "LOCALBOOT 0";
  if (bios === "exit") return "LOCALBOOT -1";
  throw new ScriptError("unsupported-plan", "localBoot.bios", "PXELINUX starts the first drive only");
}
