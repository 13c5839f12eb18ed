import type { LocalBoot } from "../../boot/model.ts";
import type { BootPlan } from "../../boot/plan.ts";
import type { ScriptPlace } from "./place.ts";
import { renderPxelinuxKernel } from "./pxelinux-kernel.ts";
import { renderPxelinuxMenu } from "./pxelinux-menu.ts";
import { pxelinuxLine, pxelinuxLocal } from "./pxelinux-text.ts";
import { renderPxelinuxHold, renderPxelinuxRetry } from "./pxelinux-wait.ts";
import { ScriptError } from "./script-error.ts";

/**
 * Writes a plan down as a PXELINUX configuration.
 *
 * @throws ScriptError `unrenderable-value`, `kernel-args-too-long`, `unsupported-plan`
 */
export function renderPxelinux(plan: BootPlan, place: ScriptPlace): string {
  switch (plan.kind) {
    case "local":
      return renderPxelinuxLocal([], plan.localBoot);
    case "kernel":
      return renderPxelinuxKernel(plan, place);
    case "chain":
      throw new ScriptError("unsupported-plan", "mode", "PXELINUX cannot chain to another server's script");
    case "san":
      throw new ScriptError(
        "unsupported-plan",
        "mode",
        "PXELINUX boots no disk over the network: this needs iPXE",
      );
    case "menu":
      return renderPxelinuxMenu(plan, place);
    case "hold":
      return renderPxelinuxHold(plan, place);
    case "retry":
      return renderPxelinuxRetry(plan, place);
  }
}

/**
 * The config of a machine that shall boot its own disk: the safe default, and
 * the same bytes for every machine, known or not.
 *
 * @param message said before, a line each
 * @param localBoot what the machine needs, where it is known for sure
 * @throws ScriptError `unrenderable-value`, `unsupported-plan`
 */
export function renderPxelinuxLocal(message: readonly string[] = [], localBoot: LocalBoot = {}): string {
  return [
    ...message.map((line) => pxelinuxLine("SAY", "message", `pxedge: ${line}`)),
    "SAY pxedge: booting the local disk",
    "DEFAULT local-disk",
    "PROMPT 0",
    "LABEL local-disk",
    `  ${pxelinuxLocal(localBoot)}`,
    "",
  ].join("\n");
}
