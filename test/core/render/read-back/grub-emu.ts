import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Reader } from "./reader.ts";
import { isThere } from "./shells.ts";

const END = "\u25a0end\u25a0";

/** GRUB itself, as a program: runs each text's `echo` commands and reads its terminal. */
export const grubEmu: Reader = {
  name: "grub-emu",
  available: isThere("grub-emu", ["--version"]),
  read(texts, expected) {
    const directory = mkdtempSync(join(tmpdir(), "pxedge-grub-"));
    try {
      const script = texts.map((text) => `${text}\necho '${END}'\n`).join("");
      writeFileSync(join(directory, "grub.cfg"), `set pager=0\necho '${END}'\n${script}exit\n`);
      const { stdout } = spawnSync("grub-emu", ["-d", directory, "-r", "host"], {
        encoding: "utf8",
        maxBuffer: 1 << 30,
        stdio: ["ignore", "pipe", "pipe"],
        timeout: 300_000,
      });
      const readings = stdout.split(END).slice(1);
      return texts.map((_, index) => {
        const reading = readings[index]?.replace(/^\n\r/, "").replace(/\n\r$/, "");
        if (reading === undefined || index >= readings.length - 1) return { error: "not reached" };
        const whole = expected[index]!.join(" ");
        return canShow(reading, whole) ? expected[index]! : [reading];
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
};

/**
 * Whether the terminal can have shown this text so: it wraps lines at blanks,
 * of which it drops some, and leaves out characters that have no width. Lines
 * short enough (most are) must match blank by blank.
 */
function canShow(shown: string, text: string): boolean {
  const visible = (line: string): string => line.replace(/[\p{Cf}\p{Mn}\p{Me}]/gu, "");
  if (!shown.includes("\n\r")) return visible(shown) === visible(text);
  const joined = (lines: string): string => visible(lines).replace(/[ \n\r]/g, "");
  return joined(shown) === joined(text);
}
