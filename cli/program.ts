import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { UsageError } from "./usage-error.ts";

/** `pxedge` without its commands. Wrong use ends the process with 2. */
export function createProgram(description: string): Command {
  return new Command("pxedge")
    .description(description)
    .version(packageJson.version)
    .showHelpAfterError()
    .exitOverride((error) => {
      // Commander ends help with 0 and every wrong use with 1; ours is 2.
      process.exit(error.exitCode === 0 ? 0 : 2);
    });
}

/** Does what the command line says. A failure is a line on standard error, and exit code 1, or 2 for wrong use. */
export async function runProgram(program: Command): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    process.stderr.write(`pxedge: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
