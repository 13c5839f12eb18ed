import { escaped, hasControl, refused } from "../context.ts";
import type { EscapingContext } from "../context.ts";
import { kernelArgs } from "./kernel-args.ts";

/** PXELINUX reads lines of 4,095 bytes and takes the rest for a new one; a part is left for what follows. */
const MAX_LINE_BYTES = 3840;

/** Directives whose operand is the rest of the line, blanks and all. */
const TEXT_LINE = /^[ \t]*(?:say|menu[ \t]+(?:title|autoboot|tabmsg|notabmsg|passprompt))[ \t]/i;
const LABEL_LINE = /^[ \t]*menu[ \t]+label[ \t]/i;
const APPEND_LINE = /^[ \t]*append[ \t]/i;
const INITRD_LINE = /^[ \t]*initrd[ \t]/i;
const HELP_LINE = /^[ \t]*text(?:[ \t]|$)/i;
const HELP_END = /^[ \t]*endtext(?:[ \t]|$)/i;

/**
 * PXELINUX configurations, as parse_config_file (com32/elflink/ldlinux/
 * readconfig.c) reads them: a directive a line, without quotes or escapes.
 * On `APPEND` lines the rules of kernel arguments hold too.
 */
export const pxelinux: EscapingContext = {
  title: "a PXELINUX configuration",
  open() {
    let line = "";
    let inHelp = false;
    const feed = (text: string): void => {
      const lines = (line + text).split("\n");
      line = lines.pop()!;
      for (const whole of lines) inHelp = inHelp ? !HELP_END.test(whole) : HELP_LINE.test(whole);
    };
    const problem = (value: string): string | null => {
      if (hasControl(value)) return "PXELINUX cannot carry control characters or line ends";
      if (inHelp) return "it stands in a help text, which a line of its own could end";
      if (/^\s*\S*$/.test(line)) return "a value cannot name a directive";
      if (new TextEncoder().encode(line + value).length > MAX_LINE_BYTES) {
        return `PXELINUX cannot read lines longer than ${MAX_LINE_BYTES} bytes`;
      }
      if (APPEND_LINE.test(line)) {
        const args = kernelArgs.open();
        args.literal(line.replace(APPEND_LINE, ""));
        const result = args.value(value);
        return result.kind === "refused" ? result.reason : null;
      }
      if (LABEL_LINE.test(line) && value.includes("^")) return "a ^ marks a menu's hot key";
      if (TEXT_LINE.test(line) || LABEL_LINE.test(line)) {
        return value === "" || value !== value.trim() ? "blanks around a text are not kept" : null;
      }
      if (value === "" || /\s/.test(value)) return "the operand is one word without white space";
      if (INITRD_LINE.test(line) && value.includes(",")) return "a comma separates initrds";
      return null;
    };
    return {
      literal(text) {
        feed(text);
        return null;
      },
      value(given) {
        const value = String(given);
        const reason = problem(value);
        if (reason !== null) return refused(reason);
        feed(value);
        return escaped(value);
      },
      isSettled: () => false,
      // To take a text in again is as fast.
      save: () => ({ state: null }),
      restore: (_, text) => feed(text),
      embed: (language) =>
        language === "kernel-args" && APPEND_LINE.test(line)
          ? { kind: "through", before: line.replace(APPEND_LINE, "") }
          : refused("a PXELINUX configuration takes in kernel arguments on APPEND lines only"),
    };
  },
};
