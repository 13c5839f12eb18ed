import { Argument, type Command } from "commander";
import { COMPLETION_FORMATTERS, type CompletedCommand, type CompletedOption } from "./completion-scripts.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** `pxedge completion SHELL`: what may follow each word, from the commands themselves. */
export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .description("print a shell's completion script")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText(
      "after",
      "\nExamples:\n  $ pxedge completion bash > /etc/bash_completion.d/pxedge\n" +
        '  $ pxedge completion zsh > "${fpath[1]}/_pxedge"\n' +
        "  $ pxedge completion fish > ~/.config/fish/completions/pxedge.fish\n",
    )
    .action((shell: Shell) => void process.stdout.write(COMPLETION_FORMATTERS[shell](listCommands(program))));
}

/** Every command, from `pxedge` itself on. */
function listCommands(program: Command): CompletedCommand[] {
  const found: CompletedCommand[] = [];
  const walk = (command: Command, path: readonly string[]): void => {
    const [argument] = command.registeredArguments;
    found.push({
      path: path.join(" "),
      words: [
        ...command.commands.map((child) => ({ word: child.name(), description: child.description() })),
        ...(argument?.argChoices ?? []).map((word) => ({ word, description: argument!.description })),
      ],
      options: [...command.options.flatMap(completeOption), { name: "help", description: "display help" }],
    });
    for (const child of command.commands) walk(child, [...path, child.name()]);
  };
  walk(program, []);
  return found;
}

function completeOption({
  long,
  description,
  required,
  argChoices = [],
}: Command["options"][number]): CompletedOption[] {
  if (long === undefined || long === null) return [];
  return [{ name: long.slice(2), description, ...(required && { values: argChoices }) }];
}
