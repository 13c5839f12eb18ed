import { createProgram, runProgram } from "./program.ts";
import { addRelayCommands } from "./relay.ts";

// What a relay's host needs of `pxedge`: the entry of the single file (deploy/relay/).
const program = createProgram("The relay of a pxedge site; the other commands are in pxedge itself");
addRelayCommands(program);
// Never rejects.
void runProgram(program);
