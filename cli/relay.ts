import { randomInt } from "node:crypto";
import { InvalidArgumentError, type Command } from "commander";

import { isOrigin } from "../relay/config/schema.ts";
import { join } from "../relay/control-plane/join.ts";
import { examine } from "../relay/doctor/examine.ts";
import type { Finding } from "../relay/doctor/finding.ts";
import { runRelay } from "./relay-run.ts";
import { printRelayStatus } from "./relay-status.ts";
import { colour } from "./terminal/table.ts";

/**
 * Adds `relay join`, `run`, `status` and `doctor`. Their failures are rejections with one
 * sentence, wrong use is commander's.
 */
export function addRelayCommands(program: Command): void {
  const relay = program.command("relay").description("the on-site process: DHCP, TFTP and HTTP for one site");

  relay
    .command("join")
    .description("trade a site's join token for this relay's credentials")
    .requiredOption("--url <url>", "address of the control plane, e.g. https://pxe.example.com", parseOrigin)
    .requiredOption("--token <token>", "the site's join token; works once")
    .option("--state-dir <dir>", "where the credentials are kept", "/var/lib/pxedge")
    .addHelpText(
      "after",
      "\nExamples:\n  $ pxedge relay join --url https://pxe.example.com --token pxj_…   # of `pxedge site join-token SITE`\n",
    )
    .action(async ({ url, token, stateDir }: { url: string; token: string; stateDir: string }) => {
      const { siteName, relayId } = await join({ url, token, stateDir });
      process.stdout.write(`joined site ${siteName} as relay ${relayId}; credentials are in ${stateDir}\n`);
    });

  relay
    .command("run")
    .description("answer DHCP, TFTP and HTTP until SIGTERM or SIGINT; SIGHUP reads the configuration again")
    .requiredOption("--config <file>", "relay.yaml")
    .addHelpText("after", "\nExamples:\n  $ pxedge relay run --config relay.yaml\n  $ kill -HUP PID\n")
    .action(({ config }: { config: string }) => runRelay(config));

  relay
    .command("status")
    .description("how the relay that runs on this host is: interfaces, leases, transfers, cache, events, WAN")
    .requiredOption("--config <file>", "relay.yaml")
    .option("--json", "print JSON, for scripts")
    .addHelpText(
      "after",
      "\nExit code 0 if it is healthy, 1 if it does not run or somebody has to see to something.\n\nExamples:\n  $ pxedge relay status --config relay.yaml\n",
    )
    .action(({ config, json }: { config: string; json?: boolean }) =>
      printRelayStatus(config, json === true),
    );

  relay
    .command("doctor")
    .description("look at all that a relay needs, and at the usual causes of a machine that does not boot")
    .requiredOption("--config <file>", "relay.yaml")
    .option("--json", "print JSON, for scripts")
    .addHelpText(
      "after",
      "\nExit code 1 if there is a problem.\n\nExamples:\n  $ pxedge relay doctor --config relay.yaml\n",
    )
    .action(({ config, json }: { config: string; json?: boolean }) => runDoctor(config, json === true));
}

const MARKS = { ok: ["green", "ok"], warning: ["yellow", "warning"], problem: ["red", "problem"] } as const;

async function runDoctor(configFile: string, json: boolean): Promise<void> {
  const findings: Finding[] = [];
  const clock = { now: Date.now, random32: () => randomInt(2 ** 32) };
  for await (const finding of examine(configFile, clock)) {
    findings.push(finding);
    const [name, text] = MARKS[finding.status];
    const line = `${colour(name, text.padEnd(7))}  ${finding.check}: ${finding.detail}\n`;
    if (!json)
      process.stdout.write(finding.advice === undefined ? line : `${line}         → ${finding.advice}\n`);
  }
  if (json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  if (findings.some(({ status }) => status === "problem")) process.exitCode = 1;
}

function parseOrigin(text: string): string {
  if (!isOrigin(text)) {
    throw new InvalidArgumentError(
      "It must be an http:// or https:// address without a path, query or password.",
    );
  }
  return new URL(text).origin;
}
