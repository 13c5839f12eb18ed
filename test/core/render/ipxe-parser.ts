/**
 * What iPXE makes of a script, ported from its src/image/script.c
 * (process_script) and src/core/exec.c (split_command, command_terminator):
 * the commands of each line, as words, with the operator that ends each.
 * Settings are left unexpanded.
 */
export type IpxeCommand = { readonly words: readonly string[]; readonly operator: "||" | "&&" | ";" | null };
export type IpxeLine = { readonly label: string | null; readonly commands: readonly IpxeCommand[] };

const SPACE = /[ \t-\r]+/;

export function parseIpxeScript(script: string): IpxeLine[] {
  const lines: IpxeLine[] = [];
  let pending = "";
  for (const fragment of script.split("\n")) {
    let line = pending + fragment;
    if (line.endsWith("\r")) line = line.slice(0, -1);
    if (line.endsWith("\\")) {
      pending = line.slice(0, -1);
      continue;
    }
    pending = "";
    const label = /^[ \t-\r]*:(\S*)/.exec(line);
    lines.push({
      label: label?.[1] ?? null,
      commands: parseCommands(label === null ? line : line.slice(label[0].length)),
    });
  }
  return lines;
}

function parseCommands(line: string): IpxeCommand[] {
  const tokens = line.split(SPACE).filter((token) => token !== "");
  const commands: IpxeCommand[] = [];
  let words: string[] = [];
  for (const token of tokens) {
    if (token.startsWith("#")) break;
    if (token === "||" || token === "&&" || token === ";") {
      commands.push({ words, operator: token });
      words = [];
    } else words.push(token);
  }
  commands.push({ words, operator: null });
  return commands;
}

/** Whether iPXE's expand_settings would change the text: it looks for `${`, then the next `}`. */
export function hasExpansion(text: string): boolean {
  return /\$\{[^]*\}/.test(text);
}
