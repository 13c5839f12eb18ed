import { DIALECTS } from "../../core/boot/dialect.ts";
import { planMenu } from "../../core/boot/menu.ts";
import type { Attempt } from "../../core/boot/model.ts";
import type { HoldPlan } from "../../core/boot/plan.ts";
import { TemplateError } from "../../core/render/problems.ts";
import { fail, ok, ProblemError, type Result } from "../problem.ts";
import { pinnedOf } from "./attempts.ts";
import { LIVE_BOOT_MS, putLiveBoot } from "./live-boots.ts";
import type { SiteMachine } from "./machines.ts";
import { noteMenuOrder, putMenu } from "./menus.ts";
import { arm } from "./orders.ts";
import type { Pinned } from "./pinned.ts";
import { storePins } from "./pins.ts";
import { findPins } from "./profiles.ts";
import { checkRender, renderChainUrl, renderSan, viewOf } from "./render.ts";
import type { KernelScript, ScriptContext, ScriptPlan } from "./scripts.ts";

/** Whoever chose it is there now: it does not stand for a day, as an order by the API does. */
const MENU_TTL_SECONDS = 3_600;
/** How often a machine that is held asks whether somebody has acted. */
const ASK_AGAIN_SECONDS = 120;

export type OpenedScript =
  | {
      readonly kind: "opened";
      readonly plan: ScriptPlan;
      readonly profile: string;
      /** Names of the secrets that stand in it. */
      readonly secrets: readonly string[];
    }
  /** It cannot be rendered for this machine: the safe default, and a word in the timeline. */
  | { readonly kind: "refused"; readonly problem: string };

/** The script of a machine that boots by its profile, or by what was chosen in its menu. */
export function openUnarmed(sql: SqlStorage, context: ScriptContext, machine: SiteMachine): OpenedScript {
  const { site, request, unarmed, windowOpen } = context;
  switch (unarmed.kind) {
    case "live": {
      const { pins, secrets } = unarmed;
      const [problem] = checkRender({ machine, site, pinned: pins.pinned, secrets });
      if (problem !== undefined) return { kind: "refused", problem: `${problem.field}: ${problem.message}` };
      storePins(sql, pins);
      const source = { pinned: pins.pinned, pin: pins.hash, attemptId: null };
      return opened(pins.pinned.profile, livePlan(sql, context, machine, source));
    }
    case "chain":
    case "san":
      try {
        const { mac, baseUrl } = request;
        const boot = { machine, mac, site, baseUrl };
        if (unarmed.kind === "chain") {
          return opened(unarmed, { kind: "chain", url: renderChainUrl(unarmed, boot) });
        }
        const plan = renderSan(unarmed, { ...boot, secrets: unarmed.secrets });
        return opened(unarmed, plan, Object.keys(unarmed.secrets));
      } catch (error) {
        if (!(error instanceof TemplateError) && !(error instanceof ProblemError)) throw error;
        return { kind: "refused", problem: error.message };
      }
    case "menu": {
      putMenu(sql, machine.id, context.secretHash);
      const plan = planMenu(unarmed.document, {
        modeOf: (name) => findPins(sql, name)?.mode,
        installs: site.menuInstall && windowOpen,
        token: context.secret,
        localBoot: machine.localBoot,
      });
      return opened(unarmed, plan);
    }
    case "install":
    case "none":
    case "no-such-item":
    case "missing":
      throw new Error(`${unarmed.kind} has no script of its own`);
  }
}

/**
 * Carries out a choice that installs: an order as by the API, with the same
 * guards, of what the site was told last. Each menu that is shown orders once.
 * For one machine without an active attempt `arm` refuses before it writes.
 */
export function armByMenu(
  sql: SqlStorage,
  { unarmed, request, now }: ScriptContext,
  machine: SiteMachine,
): Result<Attempt> {
  if (unarmed.kind !== "install") throw new Error("only what installs is armed");
  const { pins, secrets } = unarmed;
  const { pinned } = pins;
  const answers = Object.keys(pinned.profile.document.answers ?? {});
  if (answers.length === 0 && !DIALECTS[request.dialect].commits) {
    return fail("invalid", `${request.dialect} cannot commit an install that fetches no answers`);
  }
  const order = { pinned, ttlSeconds: MENU_TTL_SECONDS, retries: 0, by: "menu" };
  const armed = arm(sql, { machines: [machine], scope: machine.id }, order, { pins, secrets, now });
  if (!armed.ok) return armed;
  const attempt = armed.value.attempts[0]!;
  noteMenuOrder(sql, machine.id, attempt.id);
  return ok(attempt);
}

/** The live system that a failed attempt brought with it. */
export function rescuePlan(
  sql: SqlStorage,
  context: ScriptContext,
  machine: SiteMachine,
  attempt: Attempt,
): ScriptPlan {
  const { pinned, hash } = pinnedOf(sql, attempt.id);
  if (pinned.rescue === undefined) throw new Error("an attempt to be rescued holds its rescue");
  return livePlan(sql, context, machine, { pinned: pinned.rescue, pin: hash, attemptId: attempt.id });
}

/** Why a machine boots nothing. Names are safe in any language; a reason that is not is left out. */
export function holdPlan(machine: SiteMachine, attempt: Attempt): HoldPlan {
  const reason = (attempt.reason ?? "unknown").replaceAll(/[^A-Za-z0-9 .,:()/_-]+/g, " ").trim();
  return {
    kind: "hold",
    message: [
      `the install of ${machine.name} failed`,
      `reason: ${reason.slice(0, 200) || "unknown"}`,
      `attempt ${attempt.id}: arm the machine again, or disarm it to let it boot`,
    ],
    askAgainSeconds: ASK_AGAIN_SECONDS,
  };
}

function livePlan(
  sql: SqlStorage,
  { site, request, direct, claimedMac, capability, secretHash, now }: ScriptContext,
  machine: SiteMachine,
  { pinned, ...held }: { pinned: Pinned; pin: string; attemptId: string | null },
): KernelScript {
  const expiresAt = now + LIVE_BOOT_MS;
  putLiveBoot(sql, secretHash, { machineId: machine.id, direct, claimedMac, expiresAt }, held);
  const { mac, baseUrl } = request;
  return {
    kind: "kernel",
    pinned,
    view: viewOf({ machine, mac, site, attemptId: null, capability, baseUrl, pinned }),
    capability,
    urlsExpireAt: expiresAt,
  };
}

function opened(
  profile: { name: string; revision: string },
  plan: ScriptPlan,
  secrets: readonly string[] = [],
): OpenedScript {
  return { kind: "opened", plan, profile: `${profile.name}@${profile.revision}`, secrets };
}
