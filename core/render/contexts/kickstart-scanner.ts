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
  /** The line being written. */
  readonly line: string;
  /** @param onScript is given text of scripts, and `null` where a script begins */
  feed(text: string, onScript: (text: string | null) => void): void;
  place(): KickstartPlace;
};

type Section = "commands" | "script" | "foreign-script" | "packages" | "other" | "lost";

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
    feed(text, onScript) {
      for (const char of text) {
        if (section === "script") onScript(char);
        if (char === "\n") endLine(onScript);
        else {
          if (section === "commands") stepCommand(char);
          line += char;
        }
      }
    },
    place() {
      const obstacle = (reason: string): KickstartPlace => ({ kind: "obstacle", reason });
      switch (section) {
        case "script":
          return { kind: "script" };
        case "foreign-script":
          return obstacle("it stands in a script whose --interpreter is no shell");
        case "packages":
          return /#/.test(line) ? { kind: "comment" } : { kind: "package", startsLine: line.trim() === "" };
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

function sectionOf(words: readonly string[]): Section {
  if (words[0] === "%packages") return "packages";
  if (!SCRIPTS.test(words[0]!)) return "other";
  const header = words.slice(1).join(" ");
  if (!header.includes("interpreter")) return "script";
  const interpreter = /--interpreter[= ](\S+)/.exec(header)?.[1] ?? "";
  return SHELLS.test(interpreter.replace(/^(["'])(.*)\1$/, "$2")) ? "script" : "foreign-script";
}
