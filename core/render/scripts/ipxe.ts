import type { BootPlan } from "../../boot/plan.ts";
import { renderChain } from "./ipxe-chain.ts";
import { renderHold } from "./ipxe-hold.ts";
import { renderKernelBoot } from "./ipxe-kernel.ts";
import { renderMenu } from "./ipxe-menu.ts";
import { renderSan } from "./ipxe-san.ts";
import { renderRetry } from "./ipxe-retry.ts";
import { renderLocalBoot } from "./local-boot.ts";

/**
 * Writes a plan down as an iPXE script.
 *
 * @throws ScriptError `unrenderable-value`, `kernel-args-too-long`
 */
export function renderIpxe(plan: BootPlan): string {
  switch (plan.kind) {
    case "local":
      return renderLocalBoot(plan.localBoot);
    case "kernel":
      return renderKernelBoot(plan);
    case "chain":
      return renderChain(plan);
    case "san":
      return renderSan(plan);
    case "menu":
      return renderMenu(plan);
    case "hold":
      return renderHold(plan);
    case "retry":
      return renderRetry(plan);
  }
}
