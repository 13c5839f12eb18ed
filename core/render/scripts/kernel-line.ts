import type { KernelPlan } from "../../boot/plan.ts";
import { ScriptError } from "./script-error.ts";

/** The kernel's command line must stay under this (x86's COMMAND_LINE_SIZE, with its final NUL). */
const MAX_KERNEL_LINE_BYTES = 2048;

/**
 * Refuses a command line that the kernel would cut off.
 *
 * @param line as the boot loader hands it over, with all that it adds
 * @throws ScriptError `kernel-args-too-long`
 */
export function assertKernelLine(line: string): void {
  const length = new TextEncoder().encode(line).length;
  if (length < MAX_KERNEL_LINE_BYTES) return;
  const reason = `${length} bytes of kernel arguments, must be under ${MAX_KERNEL_LINE_BYTES}`;
  throw new ScriptError("kernel-args-too-long", "args", reason);
}

/**
 * Splits rendered kernel arguments at the white space outside of double quotes,
 * as the kernel does (lib/cmdline.c); quotes stay. For boot loaders that pass
 * a line on, and that know nothing of iPXE's settings.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function splitKernelLine(args: string): string[] {
  const refuse = (reason: string): never => {
    throw new ScriptError("unrenderable-value", "args", reason);
  };
  if (args.includes("${")) refuse("${…} is a setting of iPXE's, which this boot loader does not know");
  if (args.split('"').length % 2 === 0) refuse("a double quote is not closed");
  const words = args.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (words.some((word) => /[\u0000-\u001f\u007f]/.test(word))) refuse("control characters");
  return words;
}

/**
 * Refuses a program that is no Linux kernel, for boot loaders that start nothing else for us.
 *
 * @throws ScriptError `unsupported-plan`
 */
export function assertLinux(loader: string, { plain }: KernelPlan): void {
  if (plain === undefined) return;
  throw new ScriptError(
    "unsupported-plan",
    "protocol",
    `${loader} starts Linux kernels only; what this profile starts is not one, and needs iPXE`,
  );
}
