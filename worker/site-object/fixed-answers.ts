import type { Mac } from "../../core/addresses.ts";
import { isBeforeCommit, latestFetch } from "../../core/boot/attempt.ts";
import { formatCapability } from "../../core/boot/capability.ts";
import type { Attempt } from "../../core/boot/model.ts";
import { formatHex } from "../../core/bytes.ts";
import { hashSecret } from "../../core/sign/hash-secret.ts";
import { deriveSiteKeys } from "../image-keys.ts";
import type { AnswerContext, AnswerOutcome, AnswerRequest } from "./answer-request.ts";
import { openAnswer, type Opened } from "./answers.ts";
import { addCapability, dropCapability, findActiveAttempt } from "./attempts.ts";
import { tellAsker } from "./claims.ts";
import { noteBoot } from "./events.ts";
import { findByMac } from "./machines.ts";
import { siteIdentity } from "./meta.ts";

/** How an installer asks that knows an address, and no capability. */
export type FixedAnswerRequest = Omit<AnswerRequest, "capability" | "secretHash"> & {
  /** The MAC in the path: a claim. */
  readonly mac: Mac;
};

/** What a machine's installer gets answers of, and the capability that it gets them by. */
export type FixedAnswers = Opened & {
  readonly attempt: Attempt;
  readonly capability: string;
  readonly secretHash: string;
};

/** What is armed for a machine now; `null` where nothing is. */
export async function findFixedAnswers(
  sql: SqlStorage,
  imageKeys: string,
  mac: Mac,
): Promise<FixedAnswers | null> {
  const machine = findByMac(sql, mac);
  const active = machine === null ? null : findActiveAttempt(sql, machine.id);
  if (active === null) return null;
  const { id } = siteIdentity(sql);
  const secret = await computeSecret(imageKeys, id, active.attempt);
  return {
    ...active,
    until: latestFetch(active.attempt),
    capability: formatCapability(id, secret),
    secretHash: await hashSecret(secret),
  };
}

/**
 * Serves an answer to whoever is observed as the machine, who would get a
 * capability by asking for its script as well. As for all answers, the machine
 * must have been served its script, and the first answer commits.
 *
 * @param found what was armed a moment ago
 */
export function openFixedAnswer(
  sql: SqlStorage,
  context: AnswerContext,
  { mac, ...request }: FixedAnswerRequest,
  found: FixedAnswers | null,
): AnswerOutcome {
  const { direct, now } = context;
  if (found === null) {
    const detail = { reason: "nothing-armed", file: request.file, ...(direct && { via: "direct" }) };
    noteBoot(sql, null, request.observedMac, { stage: "answer", name: "refused", detail }, now);
    return { kind: "refused" };
  }
  const { attempt, capability, secretHash } = found;
  const { claimedMac } = tellAsker(siteIdentity(sql), direct, request, mac);
  const isNew = addCapability(sql, attempt.id, secretHash, { direct, claimedMac });
  const outcome = openAnswer(sql, context, { ...request, capability, secretHash });
  // What was not handed out opens nothing.
  if (isNew && outcome.kind !== "served") dropCapability(sql, secretHash);
  return outcome;
}

/**
 * A capability's secret that is computed: the installer gets the same bytes
 * again, and asking a thousand times makes one. Each script that is served
 * makes it another, as it does with those in scripts. Relays hold the key; they
 * see all capabilities of their site anyway.
 */
async function computeSecret(imageKeys: string, siteId: string, attempt: Attempt): Promise<string> {
  const [signer] = await deriveSiteKeys(imageKeys, siteId);
  const key = await crypto.subtle.importKey("raw", signer!.key, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  // The install that it is for, which its own commit begins.
  const install = isBeforeCommit(attempt) ? attempt.installs + 1 : attempt.installs;
  const about = `pxedge/fixed-answer/v1/${attempt.id}/${install}/${attempt.serves}`;
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(about));
  return formatHex(new Uint8Array(mac).subarray(0, 16));
}
