import { escaped, hasControl, refused } from "../context.ts";
import type { EscapingContext } from "../context.ts";
import { ipxeWordProblem } from "./ipxe-words.ts";
import { createWordTracker } from "./words.ts";

/**
 * The Linux command line. It has several readers that do not agree on
 * quoting: the kernel (lib/cmdline.c) knows double quotes without an escape;
 * installers split /proc/cmdline in a shell, quotes and all; systemd also
 * takes single quotes and backslashes. And the boot loader reads it first:
 * iPXE has no quoting at all. So a value carries none of what they read
 * differently, and then all of them read the same.
 */
export const kernelArgs: EscapingContext = {
  title: "kernel arguments",
  open() {
    const words = createWordTracker();
    let insideQuotes = false;
    const feed = (text: string): void => {
      if (text.split('"').length % 2 === 0) insideQuotes = !insideQuotes;
      words.feed(text);
    };
    return {
      literal(text) {
        feed(text);
        return null;
      },
      value(value) {
        const text = String(value);
        if (insideQuotes) return refused("it stands inside quotes, which only some readers understand");
        const problem = kernelProblem(text) ?? ipxeWordProblem(text, words.word);
        if (problem !== null) return refused(problem);
        words.feed(text);
        return escaped(text);
      },
      isSettled: () => false,
      // To take a text in again is as fast.
      save: () => ({ state: null }),
      restore: (_, text) => feed(text),
      embed: () => refused("kernel arguments take in no other language"),
    };
  },
};

function kernelProblem(value: string): string | null {
  if (hasControl(value)) return "kernel arguments cannot carry control characters or line ends";
  if (/\s/.test(value)) return "kernel arguments are split at white space";
  if (/["'\\]/.test(value)) return "the readers of /proc/cmdline disagree on quotes and backslashes";
  // The kernel's isspace() is Latin-1's (lib/ctype.c): `à` is C3 A0 in UTF-8, and splits there.
  if (new TextEncoder().encode(value).includes(0xa0)) {
    return "the kernel takes byte 0xA0, part of this value in UTF-8, as white space";
  }
  return null;
}
