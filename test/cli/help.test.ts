import type { Command } from "commander";
import { expect, test } from "vitest";
import { createPxedge } from "../../cli/commands.ts";

/** Every command that does something, with its path. */
function listLeaves(command: Command, path: readonly string[] = []): [string, Command][] {
  if (command.commands.length === 0) return [[path.join(" "), command]];
  return command.commands.flatMap((child) => listLeaves(child, [...path, child.name()]));
}

test("every command says what it does, and has an example of itself", () => {
  const leaves = listLeaves(createPxedge());
  expect(leaves.length).toBeGreaterThan(40);
  for (const [path, command] of leaves) {
    let help = "";
    command.configureOutput({ writeOut: (text) => void (help += text) });
    command.outputHelp();
    expect(command.description(), path).not.toBe("");
    expect(help, path).toMatch(new RegExp(`\\nExamples:\\n(?:  \\$ .*\\n)*  \\$ pxedge ${path}\\b`));
    for (const option of command.options) expect(option.description, `${path} ${option.flags}`).not.toBe("");
  }
});
