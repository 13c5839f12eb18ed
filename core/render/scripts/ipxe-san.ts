import type { SanPlan } from "../../boot/plan.ts";
import { ipxeWord } from "./ipxe-text.ts";

/**
 * Renders the script that boots a disk over the network. The target's answer to
 * CHAP is read from iPXE's settings (`username`, `password`), the machine's own
 * name from `initiator-iqn`; iPXE leaves both to the operating system in its
 * firmware table (iBFT). A failure is tried again by stage one.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function renderSan({ uri, initiator, username, password }: SanPlan): string {
  const set = (setting: string, field: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`set ${setting} ${ipxeWord(field, value)} || goto failed`];
  return [
    "#!ipxe",
    "imgfree ||",
    ...set("initiator-iqn", "initiator", initiator),
    ...set("username", "username", username),
    ...set("password", "password", password),
    `sanboot ${ipxeWord("uri", uri)} || goto failed`,
    ":failed",
    "echo pxedge: the disk over the network could not be booted",
    "exit 1",
    "",
  ].join("\n");
}
