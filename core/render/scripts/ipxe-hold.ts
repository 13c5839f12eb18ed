import type { HoldPlan } from "../../boot/plan.ts";
import { OWN_SCRIPT_URL, SCRIPT_TIMEOUT_MS } from "./ipxe-script-url.ts";
import { ipxeLine } from "./ipxe-text.ts";

/**
 * Renders the script that says why a machine boots nothing, and asks again now
 * and then. It never ends by itself: stage one would boot the local disk in
 * the end. `--replace`, as each answer may be this script again, and iPXE has
 * no stack for scripts within scripts for days.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function renderHold({ message, askAgainSeconds }: HoldPlan): string {
  return [
    "#!ipxe",
    ...message.map((line) => `echo ${ipxeLine("message", `pxedge: ${line}`)}`),
    ":hold",
    `sleep ${askAgainSeconds} ||`,
    `chain --autofree --replace --timeout ${SCRIPT_TIMEOUT_MS} ${OWN_SCRIPT_URL} ||`,
    "imgfree ||",
    "goto hold",
    "",
  ].join("\n");
}
