import { parseIpxeScript } from "./ipxe-parser.ts";

/** How a run of a script ended, and every command it ran, as text. */
export type IpxeRun = { readonly status: number; readonly ran: readonly string[] };

/**
 * Runs a script by iPXE's rules (exec.c: system(); script.c: script_exec):
 * operators look at the status of the last command run, a failing line ends
 * the script with its status, `goto` and `exit` end the line.
 *
 * @param status of each command but `goto`, `exit`, `iseq` and `isset`; `null` ends the run, for what never returns
 */
export function runIpxeScript(
  script: string,
  settings: Readonly<Record<string, string>>,
  status: (words: readonly string[]) => number | null,
): IpxeRun {
  const lines = parseIpxeScript(script);
  const ran: string[] = [];
  const set = new Map<string, string>();
  const expand = (word: string): string =>
    word.replace(/\$\{([^}]*)\}/g, (_, name: string) => set.get(name) ?? settings[name] ?? "");
  let next = 0;
  for (let steps = 0; next < lines.length && steps < 1000; steps++) {
    let result = 0;
    let process = true;
    let jumped = false;
    const { commands } = lines[next++]!;
    for (const { words: tokens, operator } of commands) {
      if (process) {
        const words = tokens.map(expand);
        const [name, ...rest] = words;
        if (name === undefined) result = 0;
        else if (name === "exit") return { status: Number(rest[0] ?? 0), ran };
        else if (name === "goto") {
          next = lines.findIndex((line) => line.label === rest[0]);
          if (next === -1) throw new Error(`no label ${rest[0]}`);
          jumped = true;
        } else if (name === "iseq") result = rest[0] === rest[1] ? 0 : 1;
        else if (name === "isset") result = rest[0] === undefined || rest[0] === "" ? 1 : 0;
        else {
          ran.push(words.join(" "));
          const given = status(words);
          if (given === null) return { status: 0, ran };
          result = given;
          if (name === "set" && given === 0) set.set(rest[0]!, rest.slice(1).join(" "));
        }
      }
      if (jumped) break;
      process = operator === ";" || (operator === "||" ? result !== 0 : result === 0);
    }
    if (!jumped && result !== 0) return { status: result, ran };
  }
  return { status: 0, ran };
}
