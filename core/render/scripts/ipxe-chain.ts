import type { ChainPlan } from "../../boot/plan.ts";
import { ipxeWord } from "./ipxe-text.ts";

/**
 * Renders the script that hands over to another server. What comes back in
 * success has chosen the local disk; a failure is tried again by stage one.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function renderChain({ url }: ChainPlan): string {
  return [
    "#!ipxe",
    "imgfree ||",
    `chain --autofree ${ipxeWord("url", url)} || goto failed`,
    "exit 0",
    ":failed",
    "echo pxedge: the chained script could not be fetched, or failed",
    "exit 1",
    "",
  ].join("\n");
}
