import type { BootPlan } from "../../boot/plan.ts";
import { renderGrubKernel } from "./grub-kernel.ts";
import { renderGrubLocal } from "./grub-local.ts";
import { renderGrubMenu } from "./grub-menu.ts";
import { renderGrubHold, renderGrubRetry } from "./grub-wait.ts";
import type { ScriptPlace } from "./place.ts";
import { ScriptError } from "./script-error.ts";

/**
 * Writes a plan down as a `grub.cfg`, which stage one for GRUB sources.
 *
 * @throws ScriptError `unrenderable-value`, `kernel-args-too-long`, `unsupported-plan`
 */
export function renderGrub(plan: BootPlan, place: ScriptPlace): string {
  switch (plan.kind) {
    case "local":
      return renderGrubLocal([], plan.localBoot);
    case "kernel":
      return renderGrubKernel(plan, place);
    case "chain":
      // What chain profiles name are iPXE's scripts.
      throw new ScriptError("unsupported-plan", "mode", "GRUB cannot chain to another server's script");
    case "san":
      throw new ScriptError(
        "unsupported-plan",
        "mode",
        "GRUB boots no disk over the network: this needs iPXE",
      );
    case "menu":
      return renderGrubMenu(plan, place);
    case "hold":
      return renderGrubHold(plan);
    case "retry":
      return renderGrubRetry(plan);
  }
}
