import { formatMacHexhyp } from "../../addresses.ts";
import type { KernelPlan } from "../../boot/plan.ts";
import { grubWord } from "./grub-text.ts";
import { assertKernelLine, assertLinux, splitKernelLine } from "./kernel-line.ts";
import { relayAddress, tftpName, type ScriptPlace } from "./place.ts";
import { ScriptError } from "./script-error.ts";

/**
 * Renders the script that starts a kernel: over HTTP, and over TFTP where GRUB
 * has no HTTP (signed builds without the module refuse to load it under Secure
 * Boot). Where nothing could be started it ends, and stage one asks again.
 *
 * The commit is a `cat`, between the last download and `boot`: it fails unless
 * the file was served.
 *
 * @throws ScriptError `unrenderable-value`, `kernel-args-too-long`, `unsupported-plan`
 */
export function renderGrubKernel(plan: KernelPlan, place: ScriptPlace): string {
  assertLinux("GRUB", plan);
  const { host, port } = relayAddress(place);
  const file = (field: string, url: string): string =>
    `"$pxedge_device"${grubWord(field, `/${tftpName(field, url)}`)}`;
  const words = [`BOOTIF=01-${formatMacHexhyp(place.mac)}`, ...splitKernelLine(plan.args).map(withoutQuotes)];
  assertKernelLine(
    [`BOOT_IMAGE=(http,${host}:${port})${plan.kernelUrl}`, ...words.map(asGrubPassesOn)].join(" "),
  );
  const kernelArgs = words.map((word) => grubWord("args", word)).join(" ");
  const initrds = plan.initrdUrls.map((url) => file("initrdUrls", url)).join(" ");
  const steps = [
    `linux ${file("kernelUrl", plan.kernelUrl)} ${kernelArgs}`,
    ...(initrds === "" ? [] : [`initrd ${initrds}`]),
    ...(plan.commitUrl === undefined ? [] : [`cat ${file("commitUrl", plan.commitUrl)}`]),
  ];
  return [
    "echo 'pxedge: loading the kernel'",
    `for pxedge_device in '(http,${host}:${port})' '(tftp,${host})'; do`,
    ...nest(steps, "  "),
    "done",
    "echo 'pxedge: the kernel could not be started'",
    "",
  ].join("\n");
}

/** Each step only where the one before it succeeded, `boot` after the last. */
function nest([step, ...rest]: readonly string[], indent: string): string[] {
  if (step === undefined) return [`${indent}boot`];
  return [`${indent}if ${step}; then`, ...nest(rest, `${indent}  `), `${indent}fi`];
}

/**
 * A word without its double quotes, which GRUB adds again where there is white
 * space: `x="a b"` goes out as `"x=a b"`, the same to the kernel.
 */
function withoutQuotes(word: string): string {
  const refuse = (reason: string): never => {
    throw new ScriptError("unrenderable-value", "args", reason);
  };
  if (/['\\]/.test(word)) return refuse("GRUB puts a backslash before quotes and backslashes");
  if (!word.includes('"')) return word;
  const [, name = "", value] = /^([^"=]+=)?"([^"]*)"$/.exec(word) ?? [];
  if (value === undefined) return refuse("GRUB passes on double quotes around a word or a value only");
  return name + value;
}

/** grub_create_loader_cmdline (grub-core/lib/cmdline.c), for words without quotes and backslashes. */
function asGrubPassesOn(word: string): string {
  return word.includes(" ") ? `"${word}"` : word;
}
