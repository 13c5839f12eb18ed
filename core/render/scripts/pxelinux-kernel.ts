import { formatMacHexhyp } from "../../addresses.ts";
import type { KernelPlan } from "../../boot/plan.ts";
import { assertKernelLine, assertLinux, splitKernelLine } from "./kernel-line.ts";
import { tftpName, type ScriptPlace } from "./place.ts";
import { askAgainLines } from "./pxelinux-wait.ts";
import { pxelinuxLine } from "./pxelinux-text.ts";
import { ScriptError } from "./script-error.ts";

/** Before it asks again what to boot, where a file could not be loaded. */
const PAUSE_SECONDS = 10;

/**
 * Renders the config that starts a kernel, over TFTP, which every PXELINUX
 * speaks. `::` makes a name absolute. A file that cannot be loaded leaves
 * PXELINUX at its prompt, whose time then runs out: it asks again.
 *
 * @throws ScriptError `unrenderable-value`, `kernel-args-too-long`, `unsupported-plan`
 */
export function renderPxelinuxKernel(plan: KernelPlan, place: ScriptPlace): string {
  assertLinux("PXELINUX", plan);
  if (plan.commitUrl !== undefined) {
    throw new ScriptError(
      "unsupported-plan",
      "answers",
      "PXELINUX cannot commit an install, and this profile has no answer file whose fetch does",
    );
  }
  const kernel = `::${tftpName("kernelUrl", plan.kernelUrl)}`;
  const initrds = plan.initrdUrls.map((url) => {
    const name = `::${tftpName("initrdUrls", url)}`;
    // Refuses a comma, which separates them.
    pxelinuxLine("INITRD", "initrdUrls", name);
    return name;
  });
  const args = [`BOOTIF=01-${formatMacHexhyp(place.mac)}`, ...splitKernelLine(plan.args)].join(" ");
  // PXELINUX itself puts the one before, the other behind what is appended.
  const initrdArg = initrds.length === 0 ? "" : ` initrd=${initrds.join(",")}`;
  // Well under the 4,095 bytes of a line that PXELINUX reads.
  assertKernelLine(`BOOT_IMAGE=${kernel} ${args}${initrdArg}`);
  return [
    "SAY pxedge: loading the kernel",
    "DEFAULT pxedge",
    ...askAgainLines(place, PAUSE_SECONDS),
    "LABEL pxedge",
    `  ${pxelinuxLine("LINUX", "kernelUrl", kernel)}`,
    ...(initrds.length === 0 ? [] : [`  INITRD ${initrds.join(",")}`]),
    `  APPEND ${args}`,
    "",
  ].join("\n");
}
