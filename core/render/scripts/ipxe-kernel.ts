import type { KernelPlan } from "../../boot/plan.ts";
import { ipxeWord } from "./ipxe-text.ts";
import { assertKernelLine } from "./kernel-line.ts";
import { ScriptError } from "./script-error.ts";

/**
 * Renders the script that starts a kernel. Any failure ends it with an error, upon which stage one tries again: nothing falls through.
 *
 * `initrd=NAME` is what a kernel's EFI stub finds its initrds by; `BOOTIF`
 * makes the installer use the NIC that booted. Both precede the profile's
 * arguments, because Debian's installer copies what follows `---` into the
 * installed system.
 *
 * @throws ScriptError `unrenderable-value`, `kernel-args-too-long`
 */
export function renderKernelBoot(plan: KernelPlan): string {
  const { commitUrl } = plan;
  const lines = [
    "#!ipxe",
    // What an earlier try left behind would be handed to the kernel as one more initrd.
    "imgfree ||",
    ...(plan.plain === undefined ? linuxLines(plan) : plainLines(plan, plan.plain.initrdNames)).map(
      (line) => `${line} || goto failed`,
    ),
  ];
  if (commitUrl !== undefined) {
    lines.push(
      `imgfetch --name commit ${ipxeWord("commitUrl", commitUrl)} || goto failed`,
      "imgfree commit || goto failed",
    );
  }
  lines.push(
    "boot || goto failed",
    ":failed",
    "echo pxedge: the kernel could not be started",
    "imgfree ||",
    "exit 1",
    "",
  );
  return lines.join("\n");
}

function linuxLines({ kernelUrl, initrdUrls, args }: KernelPlan): string[] {
  const names = initrdUrls.map((_, index) => `initrd${index}`);
  const kernelArgs = [
    ...names.map((name) => `initrd=${name}`),
    "BOOTIF=01-${netX/mac:hexhyp}",
    ...splitArgs(args),
  ].join(" ");
  assertKernelLine(kernelArgs);
  return [
    `kernel --name kernel ${ipxeWord("kernelUrl", kernelUrl)} ${kernelArgs}`,
    ...initrdUrls.map((url, index) => `initrd --name ${names[index]} ${ipxeWord("initrdUrls", url)}`),
  ];
}

/**
 * The name is there twice: EFI programs find a file by the image's own name,
 * BIOS ones by the image's arguments, of which iPXE makes its cpio header.
 */
function plainLines({ kernelUrl, initrdUrls, args }: KernelPlan, names: readonly string[]): string[] {
  const words = splitArgs(args);
  assertKernelLine(words.join(" "));
  return [
    ["kernel", ipxeWord("kernelUrl", kernelUrl), ...words].join(" "),
    ...initrdUrls.map((url, index) => {
      const name = ipxeWord("initrdNames", names[index] ?? "");
      return `initrd --name ${name} ${ipxeWord("initrdUrls", url)} ${name}`;
    }),
  ];
}

/**
 * Splits rendered kernel arguments as iPXE will, refusing what would not
 * arrive: iPXE joins words with one blank again, and reads some as its own.
 */
function splitArgs(args: string): string[] {
  const refuse = (reason: string): never => {
    throw new ScriptError("unrenderable-value", "args", reason);
  };
  const quoted = args.match(/"[^"]*"?/g) ?? [];
  if (quoted.some((part) => /[^\S ]| {2}|" | "/.test(part))) {
    refuse("iPXE turns white space inside quotes into one blank");
  }
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000e-\u001f\u007f]/.test(args)) refuse("control characters");
  const words = args.split(/\s+/).filter((part) => part !== "");
  for (const part of words) {
    if (part === "||" || part === "&&" || part === ";") refuse(`iPXE takes ${part} as an operator`);
    if (part.startsWith("#")) refuse("iPXE takes a word that starts with # as a comment");
    if (/\$\{[^}]*$/.test(part)) refuse("an iPXE setting must be one word");
  }
  if (words.at(-1)?.endsWith("\\")) refuse("iPXE takes a final backslash as a continued line");
  return words;
}
