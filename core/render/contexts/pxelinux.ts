import { exactSlotOf, hasControl, refused, TAKEN } from "../context.ts";
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
    return {
      literal(text) {
        feed(text);
        return TAKEN;
      },
      slot() {
        const place = { line, inHelp };
        return exactSlotOf((value) => {
          const text = String(value);
          const reason = problemOf(text, place);
          return reason === null ? text : refused(reason);
        });
      },
      take: feed,
      save: () => [line, inHelp],
      restore: (state) => void ([line, inHelp] = state),
      embed(language) {
        const args = line.replace(APPEND_LINE, "");
        return language === "kernel-args" && args !== line
          ? { kind: "through", before: () => args }
          : refused("a PXELINUX configuration takes in kernel arguments on APPEND lines only");
      },
    };
  },
};

function problemOf(
  value: string,
  { line, inHelp }: { readonly line: string; readonly inHelp: boolean },
): string | null {
  if (hasControl(value)) return "PXELINUX cannot carry control characters or line ends";
  if (inHelp) return "it stands in a help text, which a line of its own could end";
  if (/^\s*\S*$/.test(line)) return "a value cannot name a directive";
  if (new TextEncoder().encode(line + value).length > MAX_LINE_BYTES) {
    return `PXELINUX cannot read lines longer than ${MAX_LINE_BYTES} bytes`;
  }
  if (APPEND_LINE.test(line)) {
    const args = kernelArgs.open();
    args.literal(line.replace(APPEND_LINE, ""));
    const result = args.slot().encode(value);
    return typeof result === "string" ? null : result.reason;
  }
  if (LABEL_LINE.test(line) && value.includes("^")) return "a ^ marks a menu's hot key";
  if (TEXT_LINE.test(line) || LABEL_LINE.test(line)) {
    return value === "" || value !== value.trim() ? "blanks around a text are not kept" : null;
  }
  if (value === "" || /\s/.test(value)) return "the operand is one word without white space";
  if (INITRD_LINE.test(line) && value.includes(",")) return "a comma separates initrds";
  return null;
}
