import type { Dialect } from "../../boot/dialect.ts";
import { renderGrubLocal } from "./grub-local.ts";
import { grubEcho } from "./grub-text.ts";
import { renderPxelinuxLocal } from "./pxelinux.ts";
import type { ScriptError } from "./script-error.ts";

/**
 * The script of a machine whose boot loader cannot do what was decided: the
 * local disk, and why on the console.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function renderRefusal(dialect: Exclude<Dialect, "ipxe">, { message }: ScriptError): string {
  const reason = `not what this machine shall boot: ${message}`;
  return dialect === "grub" ? renderGrubLocal([grubEcho("reason", reason)]) : renderPxelinuxLocal([reason]);
}
