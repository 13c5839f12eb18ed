import type { Dialect } from "../core/boot/dialect.ts";
import { renderScript } from "../core/render/scripts/dialects.ts";
import { renderRefusal } from "../core/render/scripts/refusal.ts";
import type { ScriptPlace } from "../core/render/scripts/place.ts";
import { ScriptError } from "../core/render/scripts/script-error.ts";
import type { BootPlan } from "../core/boot/plan.ts";

/**
 * A script, and why it is not what was decided: a boot loader that cannot do
 * that boots the local disk, and says why. (An iPXE that cannot gets an error.)
 */
export type WrittenScript = { readonly text: string; readonly refused: string | null };

/** Writes a plan down for the boot loader that asked. */
export function writeScript(dialect: Dialect, plan: BootPlan, place: ScriptPlace): WrittenScript {
  try {
    return { text: renderScript(dialect, plan, place), refused: null };
  } catch (error) {
    if (!(error instanceof ScriptError) || dialect === "ipxe") throw error;
    return { text: renderRefusal(dialect, error), refused: error.message };
  }
}
