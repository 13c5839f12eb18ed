import { escaped, hasControl, refused } from "../context.ts";
import type { EscapingContext } from "../context.ts";

/** Owner, question and type: what follows is the value. */
const VALUE_START = /^\s*[^\s#]\S*\s+\S+\s+\S+\s/;

/**
 * Debian preseed files as debconf-set-selections reads them:
 * `OWNER QUESTION TYPE VALUE`, one a line, the value reaching from the one
 * blank behind the type to the end of the line. It has no quotes and no
 * escapes; a final backslash joins the next line. Blanks around a value are
 * read differently by debconf and by the installer's own, smaller reader.
 */
export const preseed: EscapingContext = {
  title: "a preseed file",
  open() {
    let line = "";
    const feed = (text: string): void => {
      // A continued line is one line, as the parser joins them.
      const open = /\\\r?$/.exec(line)?.[0] ?? "";
      const more = (open + text).replace(/\\\r?\n/g, "");
      const start = more.lastIndexOf("\n") + 1;
      line = start === 0 ? line.slice(0, line.length - open.length) + more : more.slice(start);
    };
    return {
      literal(text) {
        feed(text);
        return null;
      },
      value(given) {
        const value = String(given);
        if (hasControl(value)) return refused("a preseed value is one line without control characters");
        if (value.endsWith("\\")) return refused("a final backslash would join the next line");
        if (value !== value.trim()) return refused("a preseed value cannot start or end with white space");
        const inComment = /^\s*#/.test(line);
        if (!inComment && /\\n/.test(line.slice(-1) + value)) {
          return refused("debconf's database reads \\n as a line end");
        }
        if (!inComment && !VALUE_START.test(line)) {
          if (value === "" || /\s/.test(value)) {
            return refused("owner, question and type are words without white space");
          }
          if (line.trim() === "" && value.startsWith("#")) return refused("a # here starts a comment");
        }
        feed(value);
        return escaped(value);
      },
      isSettled: () => false,
      // To take a text in again is as fast.
      save: () => ({ state: null }),
      restore: (_, text) => feed(text),
      embed() {
        const start = VALUE_START.exec(line);
        if (start === null) return refused("another language stands in the value of a question only");
        return { kind: "through", before: line.slice(start[0].length) };
      },
    };
  },
};
