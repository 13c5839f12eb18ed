import { setGlobalProxyFromEnv } from "node:http";
import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { readProxyEnvironment } from "../relay/net/proxy-environment.ts";
import { UsageError } from "./usage-error.ts";

/** `pxedge` without its commands. Wrong use ends the process with 2. */
export function createProgram(description: string): Command {
  return new Command("pxedge")
    .description(description)
    .version(packageJson.version)
    .showHelpAfterError("(--help shows options and examples)")
    .exitOverride((error) => {
      // Commander ends help with 0 and every wrong use with 1; ours is 2.
      process.exit(error.exitCode === 0 ? 0 : 2);
    });
}

/** Does what the command line says. A failure is a line on standard error, and exit code 1, or 2 for wrong use. */
export async function runProgram(program: Command): Promise<void> {
  // What asks by `fetch` goes by HTTPS_PROXY as well; the relay's own agents are told of it by themselves.
  setGlobalProxyFromEnv({ ...readProxyEnvironment(process.env) });
  // Who reads may have enough, as `head` has: what is under way is done all the same.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  try {
    await program.parseAsync();
  } catch (error) {
    process.stderr.write(`pxedge: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
