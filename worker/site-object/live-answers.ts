import { attest } from "../../core/boot/decide.ts";
import type { EventDetail } from "../../core/relay-protocol/events.ts";
import type { AnswerContext, AnswerOutcome, AnswerRequest } from "./answer-request.ts";
import { tellAsker } from "./claims.ts";
import { noteBoot } from "./events.ts";
import { findLiveBoot } from "./live-boots.ts";
import { findMachine } from "./machines.ts";
import { siteIdentity } from "./meta.ts";
import { findProblems, renderAnswer, viewOf } from "./render.ts";

/**
 * Serves an answer of a system that lives in memory, as often as it is asked
 * for, until the machine boots again: nothing commits, and nothing is spent.
 */
export function openLiveAnswer(
  sql: SqlStorage,
  { direct, inputs, now }: AnswerContext,
  request: AnswerRequest,
): AnswerOutcome {
  const site = siteIdentity(sql);
  const found = findLiveBoot(sql, request.secretHash, now);
  const { mac: observedMac } = tellAsker(site, direct, request, found?.boot.claimedMac ?? null);
  const facts = { file: request.file, ...(direct && { via: "direct" }) };
  const note = (reason: string, more: EventDetail = {}): void => {
    const detail = { reason, ...facts, ...more };
    noteBoot(sql, null, observedMac, { stage: "answer", name: "refused", detail }, now);
  };
  const refuse = (reason: string): AnswerOutcome => {
    note(reason);
    return { kind: "refused" };
  };

  if (found === null) return refuse("unknown-capability");
  const { boot, pinned } = found;
  if (boot.direct !== direct) return refuse(boot.direct ? "handed-out-directly" : "handed-out-by-relay");
  const machine = findMachine(sql, boot.machineId);
  if (machine === null) return refuse("machine-removed");
  const attested = attest(machine, observedMac);
  if (attested !== "match" || observedMac === null) return refuse(attested);
  const answers = pinned.profile.document.answers ?? {};
  if (!Object.hasOwn(answers, request.file)) return refuse("no-such-file");

  if (!inputs.secrets.ok) {
    note("secret-unreadable", { message: inputs.secrets.problem.detail });
    return { kind: "unavailable" };
  }
  const secrets = inputs.secrets.value;
  const { treePath } = inputs;
  const { capability, baseUrl } = request;
  const names = { machine, mac: observedMac, site, attemptId: null, capability, baseUrl, pinned };
  const { template } = answers[request.file]!;
  let text = "";
  // It did when it was booted; the site's or the machine's variables may be others by now.
  const [problem] = findProblems(() => {
    text = renderAnswer(pinned, template, viewOf({ ...names, secrets, treePath }));
    return [];
  });
  if (problem !== undefined) {
    const { line, column, message } = problem;
    note("does-not-render", { message: `${template}:${line}:${column}: ${message}` });
    return { kind: "unavailable" };
  }
  // HEAD says what GET would send.
  if (request.commits) {
    const read = Object.keys(secrets).join(",");
    const detail = { ...facts, profile: pinned.profile.name, ...(read !== "" && { secrets: read }) };
    noteBoot(sql, null, observedMac, { stage: "answer", name: "served", detail }, now);
  }
  return { kind: "served", text, attempt: null };
}
