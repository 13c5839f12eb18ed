import { STAGES, type BootEvent, type Stage } from "../relay-protocol/events.ts";
import type { AttemptState } from "./model.ts";

/** Where a boot stands, in a sentence, and what to look at if it does not go on. */
export type Diagnosis = {
  /** The last stage that was reached since the order; `null`: nothing was seen. */
  readonly reached: Stage | null;
  readonly summary: string;
  /** The usual reasons, likeliest first; empty where nothing is wrong. */
  readonly reasons: readonly string[];
};

/** The order that a diagnosis is about; `armedAt` as ISO 8601. */
export type DiagnosedAttempt = {
  readonly id: string;
  readonly state: AttemptState;
  readonly reason: string | null;
  readonly armedAt: string;
};

type Event = Pick<BootEvent, "at" | "stage" | "name" | "detail">;

const NEVER_SEEN = [
  "the machine has not been restarted since it was armed",
  "network boot is not first in the firmware's boot order: an earlier install may have put itself ahead, which the templates' `networkBootFirst` prevents; or PXE is disabled for this NIC",
  "the MAC that is registered is not of the NIC that boots",
  "the relay does not run, or does not answer on this network (VLAN, DHCP relay agent, port still blocked by spanning tree)",
];
const NO_ACKNOWLEDGEMENT = [
  "another DHCP server won: look for `other-server` events, or run the relay as `proxy`",
  "the switch port was not forwarding yet: enable edge ports (portfast)",
];
const NO_BOOT_FILE = [
  "UDP port 69 is filtered between machine and relay",
  "another DHCP server names its own next-server or boot file",
];
const LOADER_SILENT = [
  "Secure Boot refuses an unsigned loader: give the site the distribution's shim and GRUB (`bootFiles`)",
  "the loader has no driver for this NIC: try snponly.efi instead of ipxe.efi, or the other way round",
];
const NO_DECISION = ["the relay cannot reach the control plane", "the loader's HTTP was cut off"];
const NO_ANSWER = [
  "kernel or initrd did not arrive whole: look for failed HTTP events",
  "the installer has no driver or link for the NIC that booted",
  "the machine has too little memory for the initrd",
];

/**
 * Explains a boot by its events since it was ordered: where it is, and, if that
 * is where it stopped, the likely reasons.
 *
 * @param events of one machine, oldest first
 */
export function diagnose(attempt: DiagnosedAttempt | null, events: readonly Event[]): Diagnosis {
  if (attempt === null) return { reached: null, summary: "no install was ever ordered", reasons: [] };
  const since = events.filter(
    (event) => event.at >= attempt.armedAt && !(event.stage === "decision" && event.name === "armed"),
  );
  const reached = STAGES.findLast((stage) => since.some((event) => event.stage === stage)) ?? null;
  const found = (summary: string, reasons: readonly string[] = []): Diagnosis => ({
    reached,
    summary,
    reasons,
  });

  switch (attempt.state) {
    case "installed":
      return found("installed");
    case "disarmed":
      return found(attempt.reason === null ? "disarmed" : `disarmed: ${attempt.reason}`);
    case "failed":
      return found(`failed: ${attempt.reason ?? "no reason was given"}`);
    case "installing":
      return found("the installer is at work");
    case "committed":
      return found("the installer has its answers, and has not reported that it started");
    case "stalled":
      return found("the installer went silent before its deadline; nothing is tried again by itself", [
        "look at its console",
        "its callback was lost: if the machine is well, arm is free again after `supersede`",
      ]);
    case "expired":
    case "armed":
    case "booting": {
      const stopped = whereItStopped(since);
      const prefix = attempt.state === "expired" ? "expired: " : "";
      return found(prefix + stopped.summary, stopped.reasons);
    }
  }
}

function whereItStopped(events: readonly Event[]): Omit<Diagnosis, "reached"> {
  const last = (stage: Stage, ...names: string[]) =>
    events.findLast((event) => event.stage === stage && (names.length === 0 || names.includes(event.name)));

  const refusedAnswer = last("answer", "refused");
  if (refusedAnswer !== undefined) {
    return { summary: `an answer was refused: ${String(refusedAnswer.detail["reason"])}`, reasons: [] };
  }
  const decision = last("decision", "served");
  if (decision?.detail["kind"] === "install") {
    const failure = events.slice(events.indexOf(decision)).findLast(isHttpFailure);
    return failure === undefined
      ? { summary: "the script was served, and no answer was asked for yet", reasons: NO_ANSWER }
      : { summary: `the script was served, then ${describeHttpFailure(failure)}`, reasons: NO_ANSWER };
  }
  if (decision !== undefined) return afterDecision(decision);
  const http = last("http");
  if (http !== undefined) {
    const failure = isHttpFailure(http) ? `: ${String(http.detail["reason"])}` : "";
    return { summary: `HTTP was reached, but no script was served${failure}`, reasons: NO_DECISION };
  }
  const tftp = last("tftp", "sent", "failed", "refused");
  if (tftp !== undefined) {
    const file = String(tftp.detail["file"]);
    return tftp.name === "sent"
      ? { summary: `${file} was sent, and never asked for anything`, reasons: LOADER_SILENT }
      : { summary: `${file} was not sent: ${String(tftp.detail["reason"])}`, reasons: [] };
  }
  const dhcp = last("dhcp", "acknowledged", "offered", "pool-exhausted", "conflict", "refused", "ignored");
  if (dhcp?.name === "ignored") {
    const reason = String(dhcp.detail["reason"]);
    return { summary: `DHCP heard it and did not answer: ${reason}`, reasons: ignoredReasons(reason) };
  }
  if (dhcp === undefined) return { summary: "armed, never seen on the network", reasons: NEVER_SEEN };
  if (dhcp.name === "pool-exhausted") {
    return {
      summary: "the DHCP range has no free address",
      reasons: ["widen `range`, or shorten `leaseSeconds`"],
    };
  }
  if (dhcp.name === "offered") {
    return { summary: "an address was offered and not taken", reasons: NO_ACKNOWLEDGEMENT };
  }
  if (dhcp.name !== "acknowledged") return { summary: `DHCP ended in "${dhcp.name}"`, reasons: [] };
  const { bootFile, reason } = dhcp.detail;
  return typeof bootFile === "string"
    ? { summary: `${bootFile} was named by DHCP and not asked for`, reasons: NO_BOOT_FILE }
    : {
        summary: `DHCP named no boot file: ${String(reason ?? "the client did not ask to boot")}`,
        reasons: ["the machine booted its disk, or its firmware's network boot is off"],
      };
}

function isHttpFailure({ stage, name }: Event): boolean {
  return stage === "http" && name === "failed";
}

function describeHttpFailure({ detail }: Event): string {
  return `${String(detail["path"])} failed: ${String(detail["reason"])}`;
}

/** A decision that is no install, of the control plane or of the relay in its place. */
function afterDecision({ detail }: Event): Omit<Diagnosis, "reached"> {
  const [kind, reason] = [String(detail["kind"]), String(detail["reason"] ?? detail["kind"])];
  switch (kind) {
    case "retry":
      return {
        summary: `told by the relay to ask again: ${reason}`,
        reasons: ["the WAN, or the control plane: see `pxedge relay status` at the site"],
      };
    case "last-known-good":
      return {
        summary: `given its last known good script by the relay: ${reason}`,
        reasons: ["the WAN was down: restart the machine once `pxedge relay status` is healthy"],
      };
    case "live":
    case "menu":
    case "chain":
    case "san":
    case "rescue":
    case "hold":
      return { summary: `given a script of kind ${kind}, which is no install`, reasons: [] };
    default:
      return { summary: `sent to the local disk: ${reason}`, reasons: localReasons(reason) };
  }
}

function ignoredReasons(reason: string): readonly string[] {
  switch (reason) {
    case "not-registered":
      return ["`answer: registered` is set, and the site does not know this MAC"];
    case "other-vendor-class":
      return ["`vendorClasses` does not name what this client calls itself"];
    case "port-limit":
      return ["its switch port holds as many addresses as `leasesPerPort` allows"];
    case "unknown-network":
      return ["it came through a DHCP relay agent of a network that `subnets` does not have"];
    case "other-server-chosen":
      return ["another DHCP server gives it its address: run the relay as `proxy`, or switch that off"];
    case "no-other-server":
      return ["`mode: auto` waits for the site's DHCP server, which was not seen yet"];
    default:
      return [];
  }
}

function localReasons(reason: string): readonly string[] {
  switch (reason) {
    case "not-observed":
      return [
        "the relay could not tell the machine's MAC: is it behind a router? See `attestation` of the site",
      ];
    case "observed-mismatch":
      return ["the relay saw another MAC than the machine named: is every NIC of it registered?"];
    case "boot-loop":
      return ["the script was served too often without an install: look at the console"];
    default:
      return [];
  }
}
