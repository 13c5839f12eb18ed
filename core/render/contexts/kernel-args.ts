import { hasControl, obstacle, refused } from "../context.ts";
import type { EscapingContext } from "../context.ts";
import { ipxeWordProblem } from "./ipxe-words.ts";
import { createWordTracker, essence } from "./words.ts";

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
    return {
      literal(text) {
        if (text.split('"').length % 2 === 0) insideQuotes = !insideQuotes;
        return words.feed(text);
      },
      slot() {
        if (insideQuotes) return obstacle("it stands inside quotes, which only some readers understand");
        const { word } = words;
        return {
          encode(value) {
            const text = String(value);
            if (HARMLESS.test(text)) return text;
            const problem = kernelProblem(text) ?? ipxeWordProblem(text, word);
            return problem === null ? text : refused(problem);
          },
          kindOf: (text) => essence(word + text),
        };
      },
      take: (kind) => words.goOn(kind),
      save: () => [words.word, insideQuotes],
      restore: (state) => {
        words.goOn(state[0]);
        insideQuotes = state[1];
      },
      embed: () => refused("kernel arguments take in no other language"),
    };
  },
};

/** Most values there are, which none of the readers takes for anything else, whatever stands before them. */
const HARMLESS = /^[A-Za-z0-9_./=@,+-][A-Za-z0-9_./:=@,+-]*$/;

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
