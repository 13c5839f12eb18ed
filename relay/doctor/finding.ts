/** What one check of the doctor found. */
export type Finding = {
  /** What was looked at, e.g. `interface eth1`. */
  readonly check: string;
  /** `warning`: works, or cannot be told; `problem`: machines will not boot. */
  readonly status: "ok" | "warning" | "problem";
  /** What was seen, as a sentence. */
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
};

export function ok(check: string, detail: string): Finding {
  return { check, status: "ok", detail };
}

export function warning(check: string, detail: string, advice: string): Finding {
  return { check, status: "warning", detail, advice };
}

export function problem(check: string, detail: string, advice: string): Finding {
  return { check, status: "problem", detail, advice };
}

/** A failure of ours says what to do behind its first colon. */
export function problemOf(check: string, error: unknown): Finding {
  const { message } = error as Error;
  const at = message.indexOf(": ");
  return at === -1
    ? problem(check, message, "see docs/relay.md")
    : problem(check, message.slice(0, at), message.slice(at + 2));
}
