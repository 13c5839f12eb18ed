/** Where in a kickstart file a value would land. */
export type KickstartPlace =
  | { readonly kind: "word"; readonly startsWord: boolean }
  | { readonly kind: "double" }
  | { readonly kind: "single" }
  | { readonly kind: "comment" }
  | { readonly kind: "package"; readonly startsLine: boolean }
  | { readonly kind: "script" }
  | { readonly kind: "obstacle"; readonly reason: string };

/**
 * Follows a kickstart file as pykickstart reads it: line by line, command
 * lines and section headers by `shlex.split(line, comments=True)`, in which a
 * `#` outside quotes starts a comment even in the middle of a word.
 */
export type KickstartScanner = {
  /** The line being written, or a shorter one that stands for it. */
  readonly line: string;
  /** Whether that line opens a section. */
  readonly isHeading: boolean;
  /** @param onScript is given text of scripts, and `null` where a script begins */
  feed(text: string, onScript: (text: string | null) => void): void;
  /** Says that a value was written, and what of it matters, see `slot` in `kickstart.ts`. */
  takeValue(kind: string): void;
  place(): KickstartPlace;
  save(): KickstartState;
  restore(state: KickstartState): void;
};

export type KickstartState = readonly [
  section: Section,
  line: string,
  quote: "" | "'" | '"' | "#",
  escaping: boolean,
];

type Section = "commands" | "script" | "foreign-script" | "packages" | "other" | "lost";

/** A command's line: of it matter the command, which nothing unquotes, and how it ends. */
const COMMAND = /^\s*([^\s%"'\\#]+)\s(?:.*?)(.)$/s;

const SCRIPTS = /^%(?:pre|pre-install|post|onerror|traceback|firstboot)$/;
/** `busybox` is ESXi's, whose sections end where the next one begins: all of them are shell then. */
const SHELLS = /^(?:(?:\/usr)?\/bin\/(?:sh|bash|dash)|busybox)$/;

export function createKickstartScanner(): KickstartScanner {
  let section: Section = "commands";
  let line = "";
  let quote: "" | "'" | '"' | "#" = "";
  let escaping = false;

  const endLine = (onScript: (text: string | null) => void): void => {
    const words = line.trim().split(/\s+/);
    if (section !== "commands") {
      if (words[0] === "%end" && section !== "lost") section = "commands";
    } else if (/^[^#]*["'\\]/.test(words[0]!)) {
      // shlex unquotes it first: what it names then, a section or a command, is not followed here.
      section = "lost";
    } else if (words[0]!.startsWith("%") && words[0] !== "%include" && words[0] !== "%ksappend") {
      section = sectionOf(words);
      if (section === "script") onScript(null);
    }
    line = "";
    quote = "";
    escaping = false;
  };

  const stepCommand = (char: string): void => {
    if (quote === "#") return;
    if (escaping) escaping = false;
    else if (quote === "") {
      if (char === "\\") escaping = true;
      else if (char === "'" || char === '"' || char === "#") quote = char;
    } else if (char === quote) quote = "";
    else if (char === "\\" && quote === '"') escaping = true;
  };

  return {
    get line() {
      return line;
    },
    get isHeading() {
      return section === "commands" && line.trimStart().startsWith("%");
    },
    feed(text, onScript) {
      for (let start = 0; start < text.length;) {
        const lineEnd = text.indexOf("\n", start);
        const end = lineEnd === -1 ? text.length : lineEnd;
        const piece = text.slice(start, end);
        if (section === "commands") for (const char of piece) stepCommand(char);
        if (section === "script") onScript(text.slice(start, end + 1));
        line = essence(section, line + piece);
        if (lineEnd !== -1) endLine(onScript);
        start = end + 1;
      }
    },
    takeValue: (kind) => void (line = essence(section, line + kind)),
    save: () => [section, line, quote, escaping],
    restore: (state) => void ([section, line, quote, escaping] = state),
    place() {
      const obstacle = (reason: string): KickstartPlace => ({ kind: "obstacle", reason });
      switch (section) {
        case "script":
          return /^\s*%end(?:\s|$)/.test(line) ? obstacle("it stands behind %end") : { kind: "script" };
        case "foreign-script":
          return obstacle("it stands in a script whose --interpreter is no shell");
        case "packages":
          if (line.includes("#")) return { kind: "comment" };
          return /^\s*%\S*$/.test(line)
            ? obstacle("a value cannot name what starts with %")
            : { kind: "package", startsLine: line.trim() === "" };
        case "other":
          return obstacle("it stands in a section whose language is not known");
        case "lost":
          return obstacle("a command whose name is quoted stands before it");
        case "commands":
          if (quote === "#") return { kind: "comment" };
          if (escaping) return obstacle("a backslash stands before it");
          if (/^\s*\S*$/.test(line)) return obstacle("a value cannot name a command");
          if (quote === '"') return { kind: "double" };
          if (quote === "'") return { kind: "single" };
          return { kind: "word", startsWord: /\s$/.test(line) };
      }
    },
  };
}

/** The line that stands for another. Of a section's line matter whether it is %end, and whether a comment began. */
function essence(section: Section, line: string): string {
  if (section === "commands") return line.replace(COMMAND, "$1 $2");
  if (/^\s*(?:%|#?$)/.test(line)) return line;
  return line.includes("#") ? "-#" : "-";
}

function sectionOf(words: readonly string[]): Section {
  if (words[0] === "%packages") return "packages";
  if (!SCRIPTS.test(words[0]!)) return "other";
  const header = words.slice(1).join(" ");
  if (!header.includes("interpreter")) return "script";
  const interpreter = /--interpreter[= ](\S+)/.exec(header)?.[1] ?? "";
  return SHELLS.test(interpreter.replace(/^(["'])(.*)\1$/, "$2")) ? "script" : "foreign-script";
}
