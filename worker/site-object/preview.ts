import { planMenu } from "../../core/boot/menu.ts";
import type { PlainProfile, Profile } from "../../core/boot/model.ts";
import type { BootPlan } from "../../core/boot/plan.ts";
import type { RenderView } from "../../core/boot/view.ts";
import { explainVariables, type ExplainedVariable } from "../../core/render/explain.ts";
import { TemplateError, type TemplateProblem } from "../../core/render/problems.ts";
import { parseKeptTemplate } from "../parse-template.ts";
import { fail, ok, ProblemError, type FieldError, type Result } from "../problem.ts";
import { placeholderTree } from "../tree-url.ts";
import { findActiveAttempt } from "./attempts.ts";
import { variableLevels, type SiteIdentity } from "./identity.ts";
import { findMachine, noMachine, type SiteMachine } from "./machines.ts";
import { siteIdentity } from "./meta.ts";
import type { Pinned } from "./pinned.ts";
import {
  findProblems,
  PLACEHOLDERS,
  renderAnswer,
  renderChainUrl,
  renderSan,
  sanSecrets,
  viewOf,
} from "./render.ts";

/** One answer file as it would be served. */
export type AnswerPreview = {
  readonly template: string;
  readonly revision: string;
  readonly lifetime: "once" | "attempt";
  /** `null` where it does not render. */
  readonly text: string | null;
  readonly problems: readonly FieldError[];
  /** Where each value came from. */
  readonly variables: readonly ExplainedVariable[];
};

/** What a machine would be served, capabilities and secrets masked. */
export type BootPreview = {
  readonly machine: { readonly id: string; readonly name: string };
  /** The active attempt, where the preview is of what that one holds. */
  readonly attempt: string | null;
  readonly pinned: Pinned;
  readonly view: RenderView;
  readonly capability: string;
  readonly answers: Readonly<Record<string, AnswerPreview>>;
};

/**
 * What a machine would be served: what its active attempt holds, else `pinned`;
 * `null` where there is neither.
 */
export function previewMachine(
  sql: SqlStorage,
  key: string,
  pinned: Pinned | null,
): Result<BootPreview | null> {
  const machine = findMachine(sql, key);
  if (machine === null) return noMachine(key);
  if (machine.macs.length === 0) return fail("invalid", `"${machine.name}" has no MAC yet`);
  const active = pinned === null ? findActiveAttempt(sql, machine.id) : null;
  const shown = pinned ?? active?.pinned ?? null;
  if (shown === null) return ok(null);
  const attempt = active?.attempt.id ?? null;
  return ok(previewBoot({ machine, site: siteIdentity(sql), pinned: shown, attempt }));
}

/** What a profile that starts no kernel by itself would have a machine do. */
export type PlainBoot = {
  /** `null` where it does not render. */
  readonly plan: BootPlan | null;
  readonly problems: readonly FieldError[];
};

export type PlanPreview = PlainBoot & {
  readonly machine: { readonly id: string; readonly name: string };
};

/** What a machine would be served by a profile that starts no kernel by itself. */
export function previewPlan(
  sql: SqlStorage,
  key: string,
  profile: { readonly name: string; readonly document: PlainProfile },
  modes: Readonly<Record<string, Profile["mode"]>>,
): Result<PlanPreview> {
  const machine = findMachine(sql, key);
  if (machine === null) return noMachine(key);
  if (machine.macs.length === 0) return fail("invalid", `"${machine.name}" has no MAC yet`);
  const shown = { id: machine.id, name: machine.name };
  return ok({ machine: shown, ...planPlainBoot(machine, siteIdentity(sql), profile, modes) });
}

/** @param machine one that has a MAC */
export function planPlainBoot(
  machine: SiteMachine,
  site: SiteIdentity,
  { name, document }: { readonly name: string; readonly document: PlainProfile },
  modes: Readonly<Record<string, Profile["mode"]>>,
): PlainBoot {
  const { localBoot } = machine;
  if (document.mode === "local") {
    return { plan: { kind: "local", ...(localBoot !== undefined && { localBoot }) }, problems: [] };
  }
  if (document.mode === "menu") {
    const shape = { modeOf: (item: string) => modes[item], installs: site.menuInstall };
    const plan = planMenu(document, { ...shape, localBoot, token: PLACEHOLDERS.capability });
    return { plan, problems: [] };
  }
  try {
    const boot = { machine, mac: machine.macs[0]!, site, baseUrl: PLACEHOLDERS.baseUrl };
    if (document.mode === "san") {
      const secrets = maskSecrets(sanSecrets(document));
      return { plan: renderSan({ name, document }, { ...boot, secrets }), problems: [] };
    }
    return { plan: { kind: "chain", url: renderChainUrl({ name, document }, boot) }, problems: [] };
  } catch (error) {
    if (!(error instanceof TemplateError) && !(error instanceof ProblemError)) throw error;
    const field = document.mode === "san" ? "uri" : "url";
    return { plan: null, problems: [{ field, message: error.message }] };
  }
}

/** A boot without what makes it real. */
export type PlaceholderBoot = {
  readonly view: RenderView;
  readonly capability: string;
  /** By file; `text` is `null` where it does not render. */
  readonly answers: Readonly<Record<string, { text: string | null; problems: readonly TemplateProblem[] }>>;
};

/**
 * Renders all of a boot's answers without what makes it real.
 *
 * @param machine one that has a MAC
 */
export function renderPlaceholderBoot(boot: {
  machine: SiteMachine;
  site: SiteIdentity;
  pinned: Pinned;
}): PlaceholderBoot {
  const { machine, pinned } = boot;
  const treePath = placeholderTree(pinned);
  const attemptId = pinned.profile.document.mode === "live" ? null : PLACEHOLDERS.attemptId;
  const view = viewOf({ ...boot, ...PLACEHOLDERS, attemptId, treePath, mac: machine.macs[0]! });
  const masked = { ...view, secret: maskSecrets(Object.keys(pinned.secrets ?? {})) };
  const answers: Record<string, PlaceholderBoot["answers"][string]> = {};
  for (const [file, { template }] of Object.entries(pinned.profile.document.answers ?? {})) {
    let text: string | null = null;
    const problems = findProblems(() => {
      text = renderAnswer(pinned, template, masked);
      return [];
    });
    answers[file] = { text, problems };
  }
  return { view, capability: PLACEHOLDERS.capability, answers };
}

function previewBoot(boot: {
  machine: SiteMachine;
  site: SiteIdentity;
  pinned: Pinned;
  attempt: string | null;
}): BootPreview {
  const { machine, site, pinned, attempt } = boot;
  const { view, capability, answers: rendered } = renderPlaceholderBoot(boot);
  const levels = variableLevels(site, pinned, machine);
  const answers: Record<string, AnswerPreview> = {};
  for (const [file, { template, lifetime }] of Object.entries(pinned.profile.document.answers ?? {})) {
    const { revision, text: source } = pinned.templates[template]!;
    const { text, problems } = rendered[file]!;
    answers[file] = {
      template,
      revision,
      lifetime: lifetime ?? "once",
      text,
      problems: problems.map(({ line, column, message }) => ({ field: `${line}:${column}`, message })),
      variables: explainVariables(levels, parseKeptTemplate(source)),
    };
  }
  return {
    machine: { id: machine.id, name: machine.name },
    attempt,
    pinned,
    view,
    capability,
    answers,
  };
}

/** Of letters, digits and dashes only, so that no context refuses it. */
function maskSecrets(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, `masked-${name}`]));
}
