import type { RelayState } from "../../core/relay-protocol/state.ts";
import { describeFailure } from "../control-plane/answer.ts";
import { createControlPlaneClient } from "../control-plane/client.ts";
import { readCredentials } from "../control-plane/credentials.ts";
import { ok, problem, problemOf, warning, type Finding } from "./finding.ts";

/** Signatures of image URLs are good for a minute beside the clock. */
const SKEW_WARNING_MS = 30_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** The way to the control plane: address, TLS, credentials, clock. */
export async function checkControlPlane(
  url: string,
  stateDir: string,
  now: () => number,
): Promise<{ findings: Finding[]; state: RelayState | undefined }> {
  const findings: Finding[] = [];
  let dateHeader: string | null = null;
  try {
    const response = await fetch(`${url}/boot.ipxe`, {
      method: "HEAD",
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    dateHeader = response.headers.get("date");
    findings.push(ok("control plane", `${url} answers`));
  } catch (error) {
    findings.push(
      problem("control plane", `${url} cannot be reached (${describeFailure(error)})`, adviceFor(error)),
    );
    return { findings, state: undefined };
  }
  if (dateHeader !== null) findings.push(checkClock(Date.parse(dateHeader), now()));

  const check = "credentials";
  try {
    const credentials = await readCredentials(stateDir);
    if (credentials === undefined) {
      const advice = `\`pxedge relay join --url ${url} --token TOKEN --state-dir ${stateDir}\` with a join token of the site`;
      return {
        findings: [...findings, problem(check, `there are none in ${stateDir}`, advice)],
        state: undefined,
      };
    }
    const client = createControlPlaneClient({
      url,
      credential: credentials.credential,
      timeoutMs: ANSWER_TIMEOUT_MS,
    });
    const outcome = await client.fetchState();
    if (outcome.kind === "ok") {
      const { site, machines } = outcome.value;
      const detail = `accepted as relay ${credentials.relayId} of site ${site.name}, which has ${machines.length} machines`;
      return { findings: [...findings, ok(check, detail)], state: outcome.value };
    }
    findings.push(
      outcome.kind === "unauthorized"
        ? problem(
            check,
            "the control plane refuses them: the relay was deleted, or its key revoked",
            "join again with a new join token",
          )
        : problem(check, outcome.reason, "try again; see the control plane's logs if it stays so"),
    );
  } catch (error) {
    findings.push(problemOf(check, error));
  }
  return { findings, state: undefined };
}

function checkClock(theirs: number, ours: number): Finding {
  const seconds = Math.round((ours - theirs) / 1_000);
  if (Math.abs(ours - theirs) < SKEW_WARNING_MS) return ok("clock", "agrees with the control plane's");
  const detail = `is ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} the control plane's`;
  return warning("clock", detail, "set it by NTP: certificates and signed URLs depend on it");
}

function adviceFor(error: unknown): string {
  const code = (error as { cause?: { code?: string } }).cause?.code ?? "";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "check the address and this host's DNS";
  if (/CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(code)) {
    return "its certificate is not trusted here: check the clock, and give a private CA by NODE_EXTRA_CA_CERTS";
  }
  return "check the address, the WAN and firewalls on the way; behind an HTTP proxy set HTTPS_PROXY";
}
