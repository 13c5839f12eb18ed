#!/usr/bin/env node
import { Command } from "commander";
import { addDevCommand } from "./dev/command.ts";
import { addRelayCommands } from "./relay.ts";

const program = new Command("pxedge")
  .description("Netboot and unattended installation of bare-metal machines at many sites")
  .showHelpAfterError()
  .exitOverride((error) => {
    // Commander ends help with 0 and every wrong use with 1; ours is 2.
    process.exit(error.exitCode === 0 ? 0 : 2);
  });
addDevCommand(program);
addRelayCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`pxedge: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
