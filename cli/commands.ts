import type { Command } from "commander";
import { addCompletionCommand } from "./completion.ts";
import { addDevCommand } from "./dev/command.ts";
import { addFleetCommands } from "./fleet/command.ts";
import { addDocumentCommands } from "./operator/document.ts";
import { addImageCommands } from "./operator/image.ts";
import { addMachineCommands } from "./operator/machine.ts";
import { addSecretCommands } from "./operator/secret.ts";
import { addSiteCommands } from "./operator/site.ts";
import { addTokenCommands } from "./operator/token.ts";
import { createProgram } from "./program.ts";
import { addRelayCommands } from "./relay.ts";

/** `pxedge` with all of its commands. */
export function createPxedge(): Command {
  const program = createProgram("Netboot and unattended installation of bare-metal machines at many sites");
  addDevCommand(program);
  addFleetCommands(program);
  addMachineCommands(program);
  addDocumentCommands(program);
  addImageCommands(program);
  addSecretCommands(program);
  addSiteCommands(program);
  addTokenCommands(program);
  addRelayCommands(program);
  addCompletionCommand(program);
  return program;
}
