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
        return unwrapsTo(reading, whole) ? expected[index]! : [reading];
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
};

/** GRUB's terminal wraps lines at blanks, which it drops, or where there are none. */
function unwrapsTo(shown: string, text: string): boolean {
  let at = 0;
  for (const [index, piece] of shown.split("\n\r").entries()) {
    if (index > 0 && text[at] === " " && !text.startsWith(piece, at)) at += 1;
    if (!text.startsWith(piece, at)) return false;
    at += piece.length;
  }
  return at === text.length;
}
