import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { vi } from "vitest";
import { addFleetCommands } from "../../../cli/fleet/command.ts";
import { addMachineCommands } from "../../../cli/operator/machine.ts";
import { UsageError } from "../../../cli/usage-error.ts";

export type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs commands in this process, as `cli/pxedge.ts` runs them: a process of their own takes a second each. */
export async function runPxedge(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const written = { stdout: "", stderr: "" };
  const capture = (name: "stdout" | "stderr") =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text);
      return true;
    });
  const spies = [capture("stdout"), capture("stderr")];
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    const program = new Command("pxedge").exitOverride();
    addFleetCommands(program);
    addMachineCommands(program);
    await program.parseAsync(args, { from: "user" });
    return { ...written, code: process.exitCode };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return {
      ...written,
      stderr: `${written.stderr}pxedge: ${error.message}\n`,
      code: error instanceof UsageError ? 2 : 1,
    };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
  }
}

/** Writes a folder's files, by their paths in it. */
export function writeFolder(directory: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return directory;
}
