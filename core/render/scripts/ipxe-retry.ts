import type { RetryPlan } from "../../boot/plan.ts";
import { OWN_SCRIPT_URL, SCRIPT_TIMEOUT_MS } from "./ipxe-script-url.ts";
import { ipxeLine, ipxeWord } from "./ipxe-text.ts";

/**
 * Renders the script of a machine that has to ask again. `--replace`, as the
 * answer may be such a script again, and iPXE nests few. An error at the end
 * hands over to stage one, which goes on asking with pauses of its own.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function renderRetry({ message, askAgainSeconds, waitedSeconds, choice }: RetryPlan): string {
  const chosen =
    choice === undefined
      ? ""
      : `&item=${ipxeWord("choice.item", choice.item)}&menu=${ipxeWord("choice.menu", choice.menu)}`;
  const url = `${OWN_SCRIPT_URL}${chosen}&waited=${waitedSeconds}`;
  return [
    "#!ipxe",
    ...message.map((line) => `echo ${ipxeLine("message", `pxedge: ${line}`)}`),
    // `||`: a key pressed during a pause ends the pause, not the script.
    `sleep ${askAgainSeconds} ||`,
    `chain --autofree --replace --timeout ${SCRIPT_TIMEOUT_MS} ${url} ||`,
    "imgfree ||",
    "exit 1",
    "",
  ].join("\n");
}
