import { COMMIT_FILE, decideAnswer } from "../../core/boot/answer.ts";
import { latestFetch } from "../../core/boot/attempt.ts";
import { attest } from "../../core/boot/decide.ts";
import type { AnswerFile, Attempt } from "../../core/boot/model.ts";
import type { EventDetail } from "../../core/relay-protocol/events.ts";
import type { Env } from "../env.ts";
import { ok } from "../problem.ts";
import { openSecrets } from "../secret-box.ts";
import { namesTree, signTree } from "../tree-url.ts";
import type { AnswerContext, AnswerInputs, AnswerOutcome, AnswerRequest } from "./answer-request.ts";
import { capabilityOrigin, findByCapability, firstServedAt, noteServed, saveAttempt } from "./attempts.ts";
import { tellAsker } from "./claims.ts";
import { noteBoot } from "./events.ts";
import { openLiveAnswer } from "./live-answers.ts";
import { findLiveBoot } from "./live-boots.ts";
import { findMachine } from "./machines.ts";
import { siteIdentity } from "./meta.ts";
import { passTime } from "./orders.ts";
import type { Pinned } from "./pinned.ts";
import { findProblems, renderAnswer, sealedSecretsOf, viewOf } from "./render.ts";

/** Of what an event says of a template that does not render. */
const MAX_MESSAGE_LENGTH = 1_000;

/** What answers are made of, and until when at the latest. */
export type Opened = { readonly pinned: Pinned; readonly until: number };

/** Opens what an answer needs. */
export async function prepareAnswer(
  sql: SqlStorage,
  env: Env,
  opened: Opened | null,
  file: string,
): Promise<AnswerInputs> {
  if (opened === null) return { secrets: ok({}), treePath: undefined };
  const { pinned, until } = opened;
  return {
    secrets: await openSecrets(env.SECRET_KEYS, sealedSecretsOf(pinned, file)),
    treePath: await treePathOf(env, siteIdentity(sql).id, pinned, file, until),
  };
}

/** What a capability opens, which never changes. */
export function findOpened(sql: SqlStorage, secretHash: string): Opened | null {
  const install = findByCapability(sql, secretHash);
  if (install !== null) {
    const { attempt, pinned } = install;
    return pinned === null ? null : { pinned, until: latestFetch(attempt) };
  }
  const live = findLiveBoot(sql, secretHash, Date.now());
  return live === null ? null : { pinned: live.pinned, until: live.boot.expiresAt };
}

/**
 * Serves an answer. The first one commits the attempt, in the caller's
 * transaction; rendering comes before, so that what cannot be rendered commits
 * nothing.
 */
export function openAnswer(sql: SqlStorage, context: AnswerContext, request: AnswerRequest): AnswerOutcome {
  const found = findByCapability(sql, request.secretHash);
  if (found === null) return openLiveAnswer(sql, context, request);
  const { direct, now } = context;
  const site = siteIdentity(sql);
  const { treePath } = context.inputs;
  const origin = capabilityOrigin(sql, request.secretHash);
  // Where nobody observed it, the capability itself says who asks, and only one that was handed out that way.
  const { mac: observedMac } = tellAsker(site, direct, request, origin?.claimedMac ?? null);
  const note = (attempt: Attempt | null, reason: string, more: EventDetail = {}): void => {
    const detail = { reason, file: request.file, ...(direct && { via: "direct" }), ...more };
    noteBoot(sql, attempt, observedMac, { stage: "answer", name: "refused", detail }, now);
  };
  const refuse = (attempt: Attempt | null, reason: string): AnswerOutcome => {
    note(attempt, reason);
    return { kind: "refused" };
  };
  const giveUp = (attempt: Attempt, reason: string, message: string): AnswerOutcome => {
    note(attempt, reason, { message });
    return { kind: "unavailable" };
  };

  if (origin === null) return refuse(null, "unknown-capability");
  const { pinned } = found;
  const attempt = passTime(sql, found.attempt, now);
  // A claim that was taken behind a relay is worth nothing to a stranger with a boot token, nor the other way round.
  if (origin.direct !== direct)
    return refuse(attempt, origin.direct ? "handed-out-directly" : "handed-out-by-relay");
  if (pinned === null) return refuse(attempt, "ended");
  const machine = findMachine(sql, attempt.machineId);
  if (machine === null) return refuse(attempt, "machine-removed");
  const attested = attest(machine, observedMac);
  if (attested !== "match" || observedMac === null) return refuse(attempt, attested);

  const file = answerFile(pinned, request.file);
  const decision = decideAnswer({
    attempt,
    file,
    commits: request.commits,
    firstServedAt: firstServedAt(sql, attempt, request.file),
    now,
  });
  if (decision.kind === "refuse" || file === undefined) {
    saveAttempt(sql, decision.attempt);
    return refuse(decision.attempt, decision.kind === "refuse" ? decision.reason : "no-such-file");
  }

  if (!context.inputs.secrets.ok) {
    return giveUp(attempt, "secret-unreadable", context.inputs.secrets.problem.detail);
  }
  const secrets = context.inputs.secrets.value;
  const view = viewOf({
    machine,
    mac: observedMac,
    site,
    attemptId: attempt.id,
    capability: request.capability,
    baseUrl: request.baseUrl,
    pinned,
    secrets,
    treePath,
  });
  let text = "committed\n";
  // It did when it was armed; the site's variables may be others by now.
  const problems = findProblems(() => {
    if (request.file !== COMMIT_FILE) text = renderAnswer(pinned, file.template, view);
    return [];
  });
  if (problems.length > 0) {
    const said = problems.map(
      ({ line, column, message }) => `${file.template}:${line}:${column}: ${message}`,
    );
    return giveUp(attempt, "does-not-render", said.join("; ").slice(0, MAX_MESSAGE_LENGTH));
  }
  saveAttempt(sql, decision.attempt);
  if (request.commits) noteServed(sql, decision.attempt, request.file, now);
  const detail = { file: request.file, ...(direct && { via: "direct" }) };
  if (decision.commits) {
    noteBoot(sql, decision.attempt, observedMac, { stage: "answer", name: "committed", detail }, now);
  }
  if (request.commits) {
    const names = Object.keys(secrets).join(",");
    const served = { ...detail, ...(names !== "" && { secrets: names }) };
    noteBoot(sql, decision.attempt, observedMac, { stage: "answer", name: "served", detail: served }, now);
  }
  return { kind: "served", text, attempt: attempt.id };
}

/** The commit file exists beside every profile's own answers. */
function answerFile(pinned: Pinned, file: string): AnswerFile | undefined {
  if (file === COMMIT_FILE) return { template: COMMIT_FILE, lifetime: "attempt" };
  const answers = pinned.profile.document.answers ?? {};
  return Object.hasOwn(answers, file) ? answers[file] : undefined;
}

/** A grant on the image, where the answer names it. */
async function treePathOf(
  env: Env,
  siteId: string,
  pinned: Pinned,
  file: string,
  until: number,
): Promise<string | undefined> {
  const template = answerFile(pinned, file)?.template;
  if (template === undefined || !namesTree(pinned.templates[template]?.text)) return undefined;
  return await signTree(env.IMAGE_KEYS, siteId, pinned.image, until);
}
