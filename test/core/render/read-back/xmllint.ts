import { spawnSync } from "node:child_process";
import type { Reader } from "./reader.ts";
import { isThere } from "./shells.ts";

/** libxml2, by way of canonical XML, whose few escapes are known (Canonical XML 1.0, section 2.3). */
export const xmllint: Reader = {
  name: "xmllint",
  available: isThere("xmllint", ["--version"]),
  read(texts) {
    const input = `<all>${texts.map((text) => `<one>${text}</one>`).join("")}</all>`;
    const { stdout, stderr, status } = spawnSync("xmllint", ["--huge", "--c14n", "-"], {
      input,
      encoding: "utf8",
      maxBuffer: 1 << 30,
    });
    if (status !== 0) return texts.map(() => ({ error: stderr.slice(0, 300) }));
    const readings = stdout.replace(/<!--[^]*?-->/g, "").split("</one>");
    return texts.map((_, index) => leaves(readings[index]!.replace(/^[^]*?<one>/, "")));
  },
};

/** The text right behind each start tag, then its attributes. */
function leaves(canonical: string): string[] {
  const found: string[] = [];
  for (const [, tag, text] of canonical.matchAll(/<([^/](?:[^">]|"[^"]*")*)>([^<]*)/g)) {
    found.push(unescape(text!));
    for (const [, value] of tag!.matchAll(/="([^"]*)"/g)) found.push(unescape(value!));
  }
  return found;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"' };

function unescape(text: string): string {
  return text.replace(/&(?:#x([0-9A-F]+)|(\w+));/g, (_, hex?: string, name?: string) =>
    hex === undefined ? ENTITIES[name!]! : String.fromCodePoint(parseInt(hex, 16)),
  );
}
