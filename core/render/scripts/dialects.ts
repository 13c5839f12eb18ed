import type { Dialect } from "../../boot/dialect.ts";
import type { BootPlan } from "../../boot/plan.ts";
import { renderGrub } from "./grub.ts";
import { renderIpxe } from "./ipxe.ts";
import { renderPxelinux } from "./pxelinux.ts";
import type { ScriptPlace } from "./place.ts";

/**
 * Writes a plan down in the language of the boot loader that asked.
 *
 * @throws ScriptError `unrenderable-value`, `kernel-args-too-long`, `unsupported-plan`
 */
export function renderScript(dialect: Dialect, plan: BootPlan, place: ScriptPlace): string {
  switch (dialect) {
    case "ipxe":
      return renderIpxe(plan);
    case "grub":
      return renderGrub(plan, place);
    case "pxelinux":
      return renderPxelinux(plan, place);
  }
}
