import { describe, expect, test } from "vitest";
import { diagnose, type DiagnosedAttempt } from "../../../core/boot/diagnose.ts";
import type { BootEvent } from "../../../core/relay-protocol/events.ts";

const ARMED_AT = "2026-11-21T07:00:00.000Z";
const attempt = (state: DiagnosedAttempt["state"], reason: string | null = null): DiagnosedAttempt => ({
  id: "a1",
  state,
  reason,
  armedAt: ARMED_AT,
});

let second = 0;
function event(stage: BootEvent["stage"], name: string, detail: BootEvent["detail"] = {}): BootEvent {
  const at = new Date(Date.parse(ARMED_AT) + ++second * 1_000).toISOString();
  return { id: String(second), at, mac: null, stage, name, detail } as BootEvent;
}

const armed = event("decision", "armed");
const offered = event("dhcp", "offered", { bootFile: "snponly.efi" });
const acknowledged = event("dhcp", "acknowledged", { bootFile: "snponly.efi" });
const sent = event("tftp", "sent", { file: "snponly.efi" });
const fetched = event("http", "served", { path: "/boot.ipxe" });
const script = event("decision", "served", { kind: "install" });

describe("where a boot stopped", () => {
  test.each([
    ["nothing seen", [armed], null, /never seen/, /boot order/],
    ["only an offer", [armed, offered], "dhcp", /offered and not taken/, /another DHCP server/],
    ["an address and no file", [armed, offered, acknowledged], "dhcp", /snponly.efi was named/, /port 69/],
    ["a loader that says nothing", [armed, acknowledged, sent], "tftp", /never asked/, /Secure Boot/],
    ["no decision", [armed, acknowledged, sent, fetched], "http", /no script/, /control plane/],
    ["a script and no answer", [armed, sent, fetched, script], "decision", /no answer/, /initrd/],
  ] as const)("%s", (_, events, reached, summary, reason) => {
    const found = diagnose(attempt("armed"), events);
    expect(found.reached).toBe(reached);
    expect(found.summary).toMatch(summary);
    expect(found.reasons.join("\n")).toMatch(reason);
    expect(diagnose(attempt("expired"), events).summary).toMatch(/^expired: /);
  });

  test.each([
    [
      "retry",
      { by: "relay", reason: "no answer in time" },
      "told by the relay to ask again: no answer in time",
      /status/,
    ],
    [
      "last-known-good",
      { by: "relay", reason: "ECONNREFUSED" },
      "given its last known good script by the relay: ECONNREFUSED",
      /restart/,
    ],
    ["live", {}, "given a script of kind live, which is no install", /^$/],
  ])("a decision of kind %s", (kind, detail, summary, reasons) => {
    const found = diagnose(attempt("armed"), [fetched, event("decision", "served", { kind, ...detail })]);
    expect(found).toMatchObject({ reached: "decision", summary });
    expect(found.reasons.join("\n")).toMatch(reasons);
  });

  test("a kernel that did not arrive, and a client that DHCP ignores, are told", () => {
    const failed = event("http", "failed", {
      path: "/i/debian/r1/linux",
      reason: "the client left after 9 bytes",
    });
    expect(diagnose(attempt("booting"), [script, failed]).summary).toBe(
      "the script was served, then /i/debian/r1/linux failed: the client left after 9 bytes",
    );
    const ignored = event("dhcp", "ignored", { reason: "not-registered", count: 1 });
    expect(diagnose(attempt("armed"), [ignored])).toMatchObject({
      reached: "dhcp",
      summary: "DHCP heard it and did not answer: not-registered",
      reasons: [expect.stringContaining("answer: registered")],
    });
  });

  test("a refusal says its own reason", () => {
    const refused = event("tftp", "refused", { file: "x.efi", reason: "no such file" });
    expect(diagnose(attempt("armed"), [acknowledged, refused]).summary).toBe(
      "x.efi was not sent: no such file",
    );
    const answer = event("answer", "refused", { reason: "spent" });
    expect(diagnose(attempt("booting"), [script, answer]).summary).toBe("an answer was refused: spent");
    const nothing = event("dhcp", "acknowledged", { bootFile: null, reason: "no-boot-file" });
    expect(diagnose(attempt("armed"), [nothing]).summary).toBe("DHCP named no boot file: no-boot-file");
    const local = event("decision", "served", { kind: "local", reason: "observed-mismatch" });
    expect(diagnose(attempt("armed"), [local])).toMatchObject({
      summary: "sent to the local disk: observed-mismatch",
      reasons: [expect.stringContaining("every NIC")],
    });
  });

  test("events from before the order count for nothing", () => {
    const before = { ...sent, at: "2026-11-20T07:00:00.000Z" };
    expect(diagnose(attempt("armed"), [before]).reached).toBeNull();
  });
});

test("an end needs no reasons, but for silence", () => {
  expect(diagnose(null, []).summary).toBe("no install was ever ordered");
  expect(diagnose(attempt("installed"), [script])).toMatchObject({ summary: "installed", reasons: [] });
  expect(diagnose(attempt("failed", "disk too small"), []).summary).toBe("failed: disk too small");
  expect(diagnose(attempt("installing"), [script]).reasons).toEqual([]);
  expect(diagnose(attempt("stalled"), [script]).reasons).not.toEqual([]);
});
