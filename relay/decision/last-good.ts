import type { Logger } from "pino";

import { REPEATABLE, RELAY_HEADER, type Repeatable } from "../../core/relay-protocol/headers.ts";
import type { RelayState } from "../../core/relay-protocol/state.ts";
import { parseBase64Url } from "../../core/bytes.ts";
import { signAgain } from "../../core/sign/sign-again.ts";
import type { ObservedClient } from "../../core/relay-protocol/events.ts";
import type { WholeReply } from "../http/whole-reply.ts";
import type { LastGoodStore } from "./last-good-store.ts";
import type { ParsedScriptTarget } from "./script-request.ts";

/** Scripts that were good for a machine and may be given to it again. */
export type LastGood = {
  /** Learns from what the control plane answered: a script that may not be repeated ends what was known. */
  learn(request: ParsedScriptTarget, client: ObservedClient, reply: WholeReply): void;
  /** Its image URLs signed anew; `undefined` where nothing is known or it cannot be signed. */
  recall(request: ParsedScriptTarget, client: ObservedClient): Promise<string | undefined>;
};

export type LastGoodOptions = {
  readonly store: LastGoodStore;
  readonly site: () => RelayState | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Pick<Logger, "error" | "warn">;
};

/** As long as the WAN may be away while a system in memory still fetches its parts. */
const URL_LIFETIME_SECONDS = 86_400;

/** Creates the memory of good scripts over its store. A disk that fails is logged; it fails no boot. */
export function createLastGood({ store, site, now, log }: LastGoodOptions): LastGood {
  let diskFailed = false;
  const attempt = <T>(run: () => T): T | undefined => {
    try {
      const result = run();
      diskFailed = false;
      return result;
    } catch (error) {
      if (!diskFailed) log.error({ err: error }, "what machines boot while the WAN is down cannot be kept");
      diskFailed = true;
      return undefined;
    }
  };

  return {
    learn(request, client, { status, headers, body }) {
      const key = keyOf(request, client);
      if (key === undefined || status !== 200) return;
      const repeatable = headers[RELAY_HEADER.REPEATABLE];
      attempt(() => {
        if (isRepeatable(repeatable)) store.remember(key, { repeatable, text: body.toString() });
        else store.forget(key);
      });
    },
    async recall(request, client) {
      const key = keyOf(request, client);
      const known = key === undefined ? undefined : attempt(() => store.find(key));
      if (known?.repeatable !== "signed-anew") return known?.text;
      const state = site();
      const [signer] = state?.imageKeys ?? [];
      const secret = parseBase64Url(signer?.key ?? "");
      if (state === undefined || signer === undefined || secret === undefined) return undefined;
      return signAgain(known.text, {
        siteId: state.site.id,
        key: secret,
        kid: signer.kid,
        expiresAt: Math.floor(now() / 1000) + URL_LIFETIME_SECONDS,
      });
    },
  };
}

/**
 * A script is good for the machine that it was decided for: what it claimed
 * and what was observed. Nothing is known of one that was not observed, nor of
 * what was chosen in a menu.
 */
function keyOf({ mac, dialect, choice }: ParsedScriptTarget, client: ObservedClient): string | undefined {
  if (mac === undefined || client.mac === null || choice !== undefined) return undefined;
  return `${mac} ${client.mac} ${dialect}`;
}

function isRepeatable(value: unknown): value is Repeatable {
  return (REPEATABLE as readonly unknown[]).includes(value);
}
