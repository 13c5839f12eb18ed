import { OWN_SCRIPT_URL, SCRIPT_TIMEOUT_MS } from "./ipxe-script-url.ts";
import { LEAVE_LINES, LOCAL_DISK_LINES } from "./local-boot.ts";

export type StageOneOptions = {
  /**
   * How long an unanswered machine waits before it boots its local disk;
   * `null` waits for ever (a diskless machine). The time counts the pauses
   * between tries; a try that hangs adds at most `SCRIPT_TIMEOUT_MS` each.
   */
  readonly bootWaitSeconds: number | null;
  /**
   * `/f/autoexec.ipxe`, a folder below `/boot.ipxe`: iPXE 2.0 runs it first of
   * all, when it has no network yet and `netX` names no interface.
   */
  readonly isAutoexec?: boolean;
  /**
   * Where `/boot/` is found, with a final slash; else relative to the script's
   * own address. For one that comes by TFTP, e.g. `http://192.168.77.1:8080/`.
   */
  readonly base?: string;
  /** Gives numbers in [0, 1): a site that comes back from a power cut must not ask all at once. */
  readonly jitter: () => number;
};

const FIRST_PAUSE_SECONDS = 2;
const LONGEST_PAUSE_SECONDS = 30;
/** How many pauses are written out before a machine that waits for ever repeats the last. */
const GROWING_PAUSES = 6;

/** What stage one chains to, relative to its own address, so that it works behind any prefix. */
const SCRIPT_URL = `boot/\${netX/mac:hexhyp}/${OWN_SCRIPT_URL}`;

/**
 * Renders `/boot.ipxe`: chains to the machine's own script, tries again with
 * growing, jittered pauses, and never stops at a prompt. `${netX/mac}` is the
 * interface that booted; `${net0/mac}` is not always.
 */
export function renderStageOne({
  bootWaitSeconds,
  isAutoexec = false,
  base = isAutoexec ? "../" : "",
  jitter,
}: StageOneOptions): string {
  // A failed try leaves images behind, which a BIOS kernel would take for initrds.
  const attempt = [
    ...(isAutoexec ? ["isset ${netX/ip} || dhcp ||"] : []),
    `chain --autofree --timeout ${SCRIPT_TIMEOUT_MS} ${base}${SCRIPT_URL} && goto leave ||`,
    "imgfree ||",
  ];
  const lines = ["#!ipxe", "echo pxedge: asking what to boot (${netX/mac})"];
  const pauses = planPauses(bootWaitSeconds, jitter);
  for (const seconds of pauses) {
    // `||`: a key pressed during a pause ends the pause, not the script.
    lines.push(...attempt, `echo pxedge: no answer, trying again in ${seconds} s`, `sleep ${seconds} ||`);
  }
  if (bootWaitSeconds === null) {
    const seconds = pauses.at(-1)!;
    lines.push(":again", ...attempt, `sleep ${seconds} ||`, "goto again");
  } else {
    lines.push(
      ...attempt,
      `echo pxedge: no answer for ${bootWaitSeconds} s, booting the local disk`,
      ...LOCAL_DISK_LINES,
    );
  }
  lines.push(":leave", ...LEAVE_LINES, "");
  return lines.join("\n");
}

/** Whole seconds that double up to a limit, each between 75 % and 125 %, and add up to the wait. */
export function planPauses(bootWaitSeconds: number | null, jitter: () => number): number[] {
  const pause = (step: number): number => {
    const base = Math.min(FIRST_PAUSE_SECONDS * 2 ** step, LONGEST_PAUSE_SECONDS);
    return Math.max(1, Math.round(base * (0.75 + jitter() / 2)));
  };
  if (bootWaitSeconds === null) return Array.from({ length: GROWING_PAUSES }, (_, step) => pause(step));
  const pauses: number[] = [];
  for (let left = bootWaitSeconds; left > 0; left -= pauses.at(-1)!) {
    pauses.push(Math.min(left, pause(pauses.length)));
  }
  return pauses;
}
