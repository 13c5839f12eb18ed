import type { EscapingContext } from "./context.ts";
import { ipxe } from "./contexts/ipxe.ts";
import { kernelArgs } from "./contexts/kernel-args.ts";
import { preseed } from "./contexts/preseed.ts";
import { shell } from "./contexts/shell.ts";

/**
 * The escaping contexts by the name a template's `kind` and its sections use.
 * A new language is a file in `contexts/` and a line here.
 */
export const CONTEXTS = {
  ipxe,
  "kernel-args": kernelArgs,
  preseed,
  shell,
} as const satisfies Record<string, EscapingContext>;

export type ContextName = keyof typeof CONTEXTS;

/** Whether a name is an escaping context's, and hence never a variable's. */
export function isContextName(name: string): name is ContextName {
  return Object.hasOwn(CONTEXTS, name);
}
