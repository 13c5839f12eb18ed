import { hasControl, obstacle, quotedSlotOf, refused, TAKEN } from "../context.ts";
import type { Escaped, EscapingContext } from "../context.ts";
import { createXmlScanner, type XmlPlace } from "./xml-scanner.ts";

/**
 * XML 1.0, as AutoYaST profiles and Windows' unattend.xml are. Values stand in
 * the text of an element, in a quoted attribute or in CDATA. What a parser
 * would normalise (a CR anywhere, white space in attributes) goes in as a
 * character reference; the characters XML 1.0 has no way to write are refused.
 */
export const xml: EscapingContext = {
  title: "XML",
  open() {
    const scanner = createXmlScanner();
    return {
      literal(text) {
        scanner.feed(text);
        return TAKEN;
      },
      slot() {
        const place = scanner.place();
        if (place.kind === "obstacle") return obstacle(place.reason);
        return quotedSlotOf((value) => encode(String(value), place));
      },
      take: (kind) => scanner.takeValue(kind),
      save: () => scanner.save(),
      restore: (state) => scanner.restore(state),
      embed() {
        const place = scanner.place();
        if (place.kind === "obstacle") return refused(place.reason);
        if (place.kind === "comment") return refused("it stands in a comment");
        return place.first ? { kind: "whole" } : refused("it must come first in its text");
      },
    };
  },
};

function encode(value: string, place: Exclude<XmlPlace, { kind: "obstacle" }>): Escaped {
  // Section 2.2, Char: no way to write these, not even as a reference.
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(value)) {
    return refused("XML 1.0 cannot carry most control characters");
  }
  switch (place.kind) {
    case "text":
      return value.replace(/[&<>\r]/g, reference);
    case "attribute":
      return value.replace(/[&<>"'\t\n\r]/g, reference);
    case "cdata":
      // A ] at the end could become a part of the author's ]]>.
      if (/\]\]>|\]$|\r/.test(place.before.slice(-2) + value)) {
        return refused("CDATA cannot carry ]]>, a final ] or a CR: leave CDATA out, the text is escaped");
      }
      return value;
    case "comment":
      return /--|^-|-$/.test(value) || hasControl(value) || (value === "" && place.afterDash)
        ? refused("a comment cannot carry --, nor begin or end a part with -, nor control characters")
        : value;
  }
}

function reference(char: string): string {
  return REFERENCES[char]!;
}

const REFERENCES: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from("&<>\"'\t\n\r", (char) => [char, `&#${char.codePointAt(0)};`]),
);
