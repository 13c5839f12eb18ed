import type { EscapingContext } from "./context.ts";
import { grub } from "./contexts/grub.ts";
import { ipxe } from "./contexts/ipxe.ts";
import { json } from "./contexts/json.ts";
import { kernelArgs } from "./contexts/kernel-args.ts";
import { kickstart } from "./contexts/kickstart.ts";
import { preseed } from "./contexts/preseed.ts";
import { pxelinux } from "./contexts/pxelinux.ts";
import { shell } from "./contexts/shell.ts";
import { toml } from "./contexts/toml.ts";
import { xml } from "./contexts/xml.ts";
import { yaml } from "./contexts/yaml.ts";

/**
 * The escaping contexts by the name a template's `kind` and its sections use.
 * A new language is a file in `contexts/` and a line here.
 */
export const CONTEXTS = {
  autoinstall: yaml,
  autoyast: xml,
  "cloud-config": yaml,
  grub,
  ignition: json,
  ipxe,
  "kernel-args": kernelArgs,
  kickstart,
  preseed,
  pxelinux,
  shell,
  toml,
  unattend: xml,
} as const satisfies Record<string, EscapingContext>;

export type ContextName = keyof typeof CONTEXTS;

/** Whether a name is an escaping context's, and hence never a variable's. */
export function isContextName(name: string): name is ContextName {
  return Object.hasOwn(CONTEXTS, name);
}
