import { hasControl, obstacle, refused, TAKEN } from "../context.ts";
import type { Escaped, EscapingContext, Refused } from "../context.ts";
import { createKickstartScanner, type KickstartPlace } from "./kickstart-scanner.ts";
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
    return {
      literal(text) {
        scanner.feed(text, (piece) => {
          if (piece === null) script = shell.open();
          else script.literal(piece);
        });
        return TAKEN;
      },
      slot() {
        const place = scanner.place();
        if (place.kind === "obstacle") return obstacle(place.reason);
        if (place.kind === "script") {
          const slot = script.slot();
          return { ...slot, encode: (value) => scriptProblem(String(value)) ?? slot.encode(value) };
        }
        const { isHeading } = scanner;
        const afterHash = scanner.line === "#";
        return {
          encode: (value) => encodeInLine(String(value), place, afterHash),
          // What opens a section says in which language it is.
          kindOf: (text) => (isHeading ? text : ANY),
        };
      },
      take(kind) {
        if (scanner.place().kind === "script") {
          script.take(kind);
          scanner.takeValue(ANY);
        } else scanner.takeValue(kind);
      },
      save: () => [scanner.save(), script.save()],
      restore: (state) => {
        scanner.restore(state[0]);
        script.restore(state[1]);
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

/** Stands for any value, which on the lines where it does means no more than that something is there. */
const ANY = "-";

function scriptProblem(value: string): Refused | null {
  if (SECTION_MARK.test(value)) return refused("a line that starts with % could end the section");
  return value.includes("\r") ? refused("Anaconda reads a CR as a line end") : null;
}

function encodeInLine(
  value: string,
  place: Exclude<KickstartPlace, { kind: "obstacle" | "script" }>,
  afterHash: boolean,
): Escaped {
  if (hasControl(value)) return refused("a kickstart line carries no control characters or line ends");
  switch (place.kind) {
    case "word":
      return place.startsWord && value.startsWith("-")
        ? refused("it would be read as an option")
        : `'${value.replaceAll("'", "'\\''")}'`;
    case "double":
      return value.replace(/["\\]/g, "\\$&");
    case "single":
      return value.includes("'") ? refused("single quotes cannot carry a '") : value;
    case "comment":
      return afterHash ? refused("a blank must stand behind the #") : value;
    case "package":
      return !/^[\w.+:~/@^*-]+$/.test(value) || (place.startsLine && /^[-@]/.test(value))
        ? refused("it is not the name of a package")
        : value;
  }
}
