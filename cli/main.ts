#!/usr/bin/env node
import { Command } from "commander";
import { addCompletionCommand } from "./completion.ts";
import { addDevCommand } from "./dev/command.ts";
import { addDocumentCommands } from "./operator/document.ts";
import { addImageCommands } from "./operator/image.ts";
import { addMachineCommands } from "./operator/machine.ts";
import { addSecretCommands } from "./operator/secret.ts";
import { addSiteCommands } from "./operator/site.ts";
import { addTokenCommands } from "./operator/token.ts";
import { addRelayCommands } from "./relay.ts";
import { UsageError } from "./usage-error.ts";

const program = new Command("pxedge")
  .description("Netboot and unattended installation of bare-metal machines at many sites")
  .showHelpAfterError()
  .exitOverride((error) => {
    // Commander ends help with 0 and every wrong use with 1; ours is 2.
    process.exit(error.exitCode === 0 ? 0 : 2);
  });
addDevCommand(program);
addMachineCommands(program);
addDocumentCommands(program);
addImageCommands(program);
addSecretCommands(program);
addSiteCommands(program);
addTokenCommands(program);
addRelayCommands(program);
addCompletionCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`pxedge: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
