import { escaped, hasControl, refused } from "../context.ts";
import type { Encoder, Escaped, EscapingContext } from "../context.ts";
import { createKickstartScanner } from "./kickstart-scanner.ts";
import { shell } from "./shell.ts";

/**
 * What Python ends a line at (str.splitlines, and a CR when a file is read as
 * text), with a `%` behind it: a script's line like that could be `%end`.
 */
// oxlint-disable-next-line no-control-regex
const SECTION_MARK = /[\n\v\f\u001c-\u001e\u0085\u2028\u2029]\s*%/;

/**
 * Kickstart files as Anaconda's pykickstart reads them. On command lines a
 * value becomes a quoted piece of a word; in `%pre`, `%post` and the other
 * scripts the text is shell's, and so are the values; in `%packages` it is
 * a name.
 */
export const kickstart: EscapingContext = {
  title: "a kickstart file",
  open() {
    const scanner = createKickstartScanner();
    let script = shell.open();
    let settled = false;
    const onScript = (text: string | null): void => {
      if (text === null) script = shell.open();
      else script.literal(text);
    };
    const feed = (text: string): Escaped => {
      scanner.feed(text, onScript);
      return escaped(text);
    };
    return {
      literal(text) {
        scanner.feed(text, onScript);
        return null;
      },
      value(given) {
        const value = String(given);
        const place = scanner.place();
        settled = place.kind === "word";
        if (place.kind === "obstacle") return refused(place.reason);
        if (place.kind === "script") {
          const result = scriptValue(value, script);
          // The script has seen it already.
          if (result.kind === "escaped") {
            scanner.feed(result.text, () => {});
            settled = script.isSettled() && !result.text.includes("\n");
          }
          return result;
        }
        if (hasControl(value)) return refused("a kickstart line carries no control characters or line ends");
        switch (place.kind) {
          case "word":
            if (place.startsWord && value.startsWith("-")) return refused("it would be read as an option");
            return feed(`'${value.replaceAll("'", "'\\''")}'`);
          case "double":
            return feed(value.replace(/["\\]/g, "\\$&"));
          case "single":
            return value.includes("'") ? refused("single quotes cannot carry a '") : feed(value);
          case "comment":
            return /^#$/.test(scanner.line) ? refused("a blank must stand behind the #") : feed(value);
          case "package":
            if (!/^[\w.+:~/@^*-]+$/.test(value) || (place.startsLine && /^[-@]/.test(value))) {
              return refused("it is not the name of a package");
            }
            return feed(value);
        }
      },
      isSettled: () => settled,
      save: () => ({ state: [scanner.save(), script.save()] }),
      restore: ({ state }, text) => {
        scanner.restore(state[0]);
        script.restore(state[1], text);
      },
      embed(language) {
        const place = scanner.place();
        switch (place.kind) {
          case "script":
            return language === "shell" ? { kind: "same" } : script.embed(language);
          case "word":
          case "double":
          case "single":
            return { kind: "whole" };
          case "comment":
            return refused("it stands in a comment");
          case "package":
            return refused("it stands among the packages");
          case "obstacle":
            return refused(place.reason);
        }
      },
    };
  },
};

function scriptValue(value: string, script: Encoder): Escaped {
  if (SECTION_MARK.test(value)) return refused("a line that starts with % could end the section");
  if (value.includes("\r")) return refused("Anaconda reads a CR as a line end");
  return script.value(value);
}
