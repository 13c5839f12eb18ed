import type { Command } from "commander";
import { operatorCommand, withSession, type Session } from "../operator/command.ts";
import { showStep } from "../terminal/progress.ts";
import { applyPlan } from "./apply.ts";
import { exportFleet } from "./export.ts";
import { formatPlan, summarize } from "./format-plan.ts";
import { hashImageFiles, type HashedImages } from "./image-files.ts";
import { loadFleet } from "./load.ts";
import { formatProblem, type FleetProblem } from "./place.ts";
import { planFleet, type Plan } from "./plan.ts";

const PRUNE =
  "also remove what the folder does not name: machines of its sites, what nothing uses then, sites that are empty";

/** `pxedge apply`, `pxedge diff` and `pxedge export`. */
export function addFleetCommands(program: Command): void {
  operatorCommand(program, "apply <dir>", "make the control plane as a folder says, all or nothing a site", [
    "apply fleet/ --dry-run",
    "apply fleet/",
    "apply fleet/ --prune --json",
  ])
    .option("--dry-run", "say what would be changed, and change nothing")
    .option("--prune", PRUNE)
    .action(
      withSession<[string]>(async (session, [directory], { dryRun, prune }) => {
        const prepared = await prepare(session, directory, prune === true);
        if (prepared === null) return;
        const { plan, hashed } = prepared;
        if (dryRun) return showPlan(session, plan);
        session.say(formatPlan(plan).trimEnd());
        const failed = await applyPlan(session.api, plan, hashed);
        for (const { site, reason } of failed) {
          process.stderr.write(`site ${site} is as it was: ${reason}\n`);
        }
        session.show({ ...describe(plan), dryRun: false, failed }, () =>
          failed.length === 0 ? `${summarize(plan, true)}\n` : "",
        );
        if (failed.length > 0) process.exitCode = 1;
      }),
    );

  operatorCommand(program, "diff <dir>", "say what `apply` would change, and change nothing", [
    "diff fleet/",
    "diff fleet/ --prune --exit-code",
  ])
    .option("--prune", PRUNE)
    .option("--exit-code", "exit 1 where something differs")
    .action(
      withSession<[string]>(async (session, [directory], { prune, exitCode }) => {
        const prepared = await prepare(session, directory, prune === true);
        if (prepared === null) return;
        showPlan(session, prepared.plan);
        if (exitCode && prepared.plan.changes.length > 0) process.exitCode = 1;
      }),
    );

  operatorCommand(program, "export <dir>", "write the whole fleet into a folder, as `apply` takes it", [
    "export fleet/",
    "export fleet/ --overwrite && git -C fleet diff",
  ])
    .option("--overwrite", "write into a folder that is not empty; files of other names stay")
    .action(
      withSession<[string]>(async (session, [directory], { overwrite }) => {
        const files = await showStep("reading the fleet", () =>
          exportFleet(session.api, directory, { overwrite: overwrite === true }),
        );
        session.show({ files }, () => `${files.length} files are in ${directory}\n`);
      }),
    );
}

/** Reads a folder and holds it against the control plane; `null` where it is refused, which is said. */
async function prepare(
  session: Session,
  directory: string,
  prune: boolean,
): Promise<{ plan: Plan; hashed: HashedImages } | null> {
  const fleet = loadFleet(directory);
  const hashed = await hashImageFiles(fleet, process.env);
  const planned = await showStep("comparing with the control plane", () =>
    planFleet(session.api, fleet, hashed, { prune }),
  );
  for (const notice of fleet.notices) process.stderr.write(`${formatProblem(notice)}\n`);
  if (planned.kind === "refused") {
    refuse(session, planned.problems);
    return null;
  }
  for (const name of planned.plan.missingSecrets) {
    process.stderr.write(`secret ${name} has no value yet: \`pxedge secret set ${name}\` sets it\n`);
  }
  return { plan: planned.plan, hashed };
}

function refuse(session: Session, problems: readonly FleetProblem[]): void {
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
  const count = problems.length === 1 ? "one fault" : `${problems.length} faults`;
  process.stderr.write(`pxedge: ${count}; nothing was changed\n`);
  session.show({ problems }, () => "");
  process.exitCode = 1;
}

function showPlan(session: Session, plan: Plan): void {
  session.show({ ...describe(plan), dryRun: true }, () => `${formatPlan(plan)}${summarize(plan, false)}\n`);
}

/** A plan as scripts read it. */
function describe({ changes, unchanged, kept, missingSecrets }: Plan): object {
  return { changes, unchanged, kept, missingSecrets };
}
