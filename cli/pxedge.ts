import { addCompletionCommand } from "./completion.ts";
import { addDevCommand } from "./dev/command.ts";
import { addFleetCommands } from "./fleet/command.ts";
import { addDocumentCommands } from "./operator/document.ts";
import { addImageCommands } from "./operator/image.ts";
import { addMachineCommands } from "./operator/machine.ts";
import { addSecretCommands } from "./operator/secret.ts";
import { addSiteCommands } from "./operator/site.ts";
import { addTokenCommands } from "./operator/token.ts";
import { createProgram, runProgram } from "./program.ts";
import { addRelayCommands } from "./relay.ts";

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

await runProgram(program);
