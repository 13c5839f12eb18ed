import { createPxedge } from "./commands.ts";
import { runProgram } from "./program.ts";

await runProgram(createPxedge());
