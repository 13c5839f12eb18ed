import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Commands of GRUB's that touch the world; each is run as a function of the same name behind `do_`. */
const COMMANDS = [
  "linux",
  "initrd",
  "cat",
  "boot",
  "source",
  "sleep",
  "search",
  "chainloader",
  "insmod",
  "reboot",
  "exit",
];
const AT_COMMAND = new RegExp(`(^\\s*(?:if |then )?|; then )(${COMMANDS.join("|")})(?=[\\s;]|$)`, "gm");
const [BEGIN, SEPARATOR, END] = ["\u25a0", "\u25a1", "\u25cf"];

/**
 * Runs a config in GRUB itself (the program grub-emu), its parser and control
 * flow, with stand-ins for what touches the world.
 *
 * @param bodies what stand-ins do beside being noted, by command: GRUB script, where `return 1` fails
 * @returns the commands that ran, with their words, and `exit`, where it got there; white space is dropped, since
 *   a terminal wraps lines
 */
export function runGrub(config: string, bodies: Readonly<Record<string, string>> = {}): string[][] {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-grub-run-"));
  const functions = COMMANDS.filter((name) => name !== "exit").map(
    (name) =>
      `function do_${name} {\necho -n '${BEGIN}${name}'\nfor word in "$@"; do echo -n "${SEPARATOR}$word"; done\n` +
      `echo '${END}'\n${bodies[name] ?? "true"}\n}\n`,
  );
  const script = config.replace(AT_COMMAND, (_, before: string, name: string) =>
    name === "exit" ? `${before}echo '${BEGIN}exit${END}'; exit` : `${before}do_${name}`,
  );
  try {
    writeFileSync(
      join(directory, "grub.cfg"),
      `set pager=0\n${functions.join("")}${script}\necho '${BEGIN}end${END}'\nexit\n`,
    );
    const { stdout, error } = spawnSync("grub-emu", ["-d", directory, "-r", "host"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 30_000,
    });
    if (error !== undefined) throw error;
    // oxlint-disable-next-line no-control-regex -- what moves a terminal's cursor
    const text = stdout.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replace(/\s/g, "");
    return [...text.matchAll(new RegExp(`${BEGIN}([^${END}]*)${END}`, "g"))].map(([, words]) =>
      // GRUB makes one empty word of "$@" where there is none.
      words!.replace(new RegExp(`${SEPARATOR}$`), "").split(SEPARATOR),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Whether GRUB's own checker takes the config; its complaint where it does not. */
export function checkGrubSyntax(config: string): string {
  const { status, stdout, stderr } = spawnSync("grub-script-check", [], { input: config, encoding: "utf8" });
  return status === 0 ? "" : `${status}: ${stdout}${stderr}`;
}
