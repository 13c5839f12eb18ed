import type { Command } from "commander";
import { EXAMPLE } from "./fleet.ts";
import type { DevSystem } from "./dev.ts";
import { createStepPrinter, StepError } from "./step.ts";

/** `pxedge dev [--once]`. */
export function addDevCommand(program: Command): void {
  program
    .command("dev")
    .description("run the whole system on loopback and boot a simulated machine through it; needs no root")
    .option("--once", "stop after the boot: exit 0, or 1 with the name of the step that failed")
    .option("--state-dir <dir>", "what is kept from one start to the next", ".pxedge")
    .addHelpText("after", "\nExamples:\n  $ pxedge dev\n  $ pxedge dev --once\n")
    .action(async (options: { once?: boolean; stateDir: string }) => {
      // Only here: a relay must not carry wrangler and workerd in its memory.
      const { bootExampleMachine, startDev } = await import("./dev.ts");
      const out = process.stdout;
      const step = createStepPrinter(out);
      const interrupted = new Promise<void>((resolve) => {
        // Not `once`: where nobody listens any more, a library of wrangler's ends the process at once.
        process.on("SIGINT", () => resolve());
        process.on("SIGTERM", () => resolve());
      });
      let system: DevSystem | undefined;
      try {
        system = await startDev({ stateDir: options.stateDir, step });
        await bootExampleMachine(system, step);
        if (options.once !== true) {
          out.write(formatNextSteps(options.stateDir));
          await interrupted;
          out.write("stopping\n");
        }
      } catch (error) {
        if (!(error instanceof StepError)) throw error;
        process.stderr.write(`pxedge dev: ${error.message}\n`);
        process.exitCode = 1;
      } finally {
        await system?.stop();
      }
    });
}

function formatNextSteps(stateDir: string): string {
  const { machine } = EXAMPLE;
  return `
The system is up until Ctrl-C. In another terminal:

  set -a; . ${stateDir}/dev.env; set +a        # PXEDGE_URL, PXEDGE_TOKEN, RELAY_HTTP, RELAY_DHCP, RELAY_TFTP
  curl "$RELAY_HTTP/boot.ipxe"                 # what every machine chains to first
  npx pxedge machine timeline ${machine}            # the boot as one story
  npx pxedge machine arm ${machine}                 # order another install
  npx pxedge --help

`;
}
