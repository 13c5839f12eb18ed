import { Argument, type Command } from "commander";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** `pxedge completion SHELL`: words that may follow, from the commands themselves. */
export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .description("print a shell's completion script")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText(
      "after",
      "\nExamples:\n  $ pxedge completion bash > /etc/bash_completion.d/pxedge\n" +
        "  $ pxedge completion fish > ~/.config/fish/completions/pxedge.fish\n",
    )
    .action((shell: Shell) => void process.stdout.write(formatCompletion(shell, listWords(program))));
}

/** Every command's path, e.g. `machine arm`, and what may follow it. */
type Words = ReadonlyMap<string, readonly string[]>;

function listWords(program: Command): Words {
  const words = new Map<string, readonly string[]>();
  const walk = (command: Command, path: readonly string[]): void => {
    const commands = command.commands.map((child) => child.name());
    const options = command.options.flatMap(({ long }) => (long ? [long] : []));
    words.set(path.join(" "), [...commands, ...options, "--help"]);
    for (const child of command.commands) walk(child, [...path, child.name()]);
  };
  walk(program, []);
  return words;
}

function formatCompletion(shell: Shell, words: Words): string {
  const cases = [...words].map(([path, next]) => `    "${path}") words="${next.join(" ")}" ;;\n`).join("");
  // Words before the one at hand that name a command; options and arguments between them do not count.
  const find = `  local path="" word words=""
  for word in "\${before[@]}"; do
    case "\${path:+$path }$word" in
${[...words.keys()]
  .filter((path) => path !== "")
  .map((path) => `      "${path}") path="${path}" ;;\n`)
  .join("")}    esac
  done
  case "$path" in
${cases}  esac
`;
  switch (shell) {
    case "bash":
      return `_pxedge() {
  local before=("\${COMP_WORDS[@]:1:COMP_CWORD-1}")
${find}  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _pxedge pxedge
`;
    case "zsh":
      return `#compdef pxedge
_pxedge() {
  local before=("\${words[@]:1:CURRENT-2}")
${find.replaceAll("words", "next")}  compadd -- \${=next}
  _files
}
compdef _pxedge pxedge
`;
    case "fish":
      return [...words]
        .flatMap(([path, next]) => {
          const seen = path
            .split(" ")
            .filter((word) => word !== "")
            .map((word) => `__fish_seen_subcommand_from ${word}`);
          const condition = seen.length === 0 ? "__fish_use_subcommand" : seen.join("; and ");
          return next.map((word) =>
            word.startsWith("--")
              ? `complete -c pxedge -n '${condition}' -l ${word.slice(2)}\n`
              : `complete -c pxedge -n '${condition}' -f -a ${word}\n`,
          );
        })
        .join("");
  }
}
