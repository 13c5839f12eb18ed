import { planMenu } from "../../core/boot/menu.ts";
import type { PlainProfile, Profile } from "../../core/boot/model.ts";
import type { BootPlan } from "../../core/boot/plan.ts";
import type { RenderView } from "../../core/boot/view.ts";
import { explainVariables, type ExplainedVariable } from "../../core/render/explain.ts";
import { parseTemplate } from "../../core/render/parse.ts";
import { TemplateError } from "../../core/render/problems.ts";
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

/** A plan that starts no kernel by itself. */
export type PlanPreview = {
  readonly machine: { readonly id: string; readonly name: string };
  /** `null` where it does not render. */
  readonly plan: BootPlan | null;
  readonly problems: readonly FieldError[];
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
  const [mac] = machine.macs;
  if (mac === undefined) return fail("invalid", `"${machine.name}" has no MAC yet`);
  const site = siteIdentity(sql);
  const shown = { id: machine.id, name: machine.name };
  const { name, document } = profile;
  const { localBoot } = machine;
  if (document.mode === "local")
    return ok({
      machine: shown,
      plan: { kind: "local", ...(localBoot !== undefined && { localBoot }) },
      problems: [],
    });
  if (document.mode === "menu") {
    const shape = { modeOf: (item: string) => modes[item], installs: site.menuInstall };
    const plan = planMenu(document, { ...shape, localBoot, token: PLACEHOLDERS.capability });
    return ok({ machine: shown, plan, problems: [] });
  }
  try {
    const boot = { machine, mac, site, baseUrl: PLACEHOLDERS.baseUrl };
    if (document.mode === "san") {
      const plan = renderSan({ name, document }, { ...boot, secrets: maskSecrets(sanSecrets(document)) });
      return ok({ machine: shown, plan, problems: [] });
    }
    const url = renderChainUrl({ name, document }, boot);
    return ok({ machine: shown, plan: { kind: "chain", url }, problems: [] });
  } catch (error) {
    if (!(error instanceof TemplateError) && !(error instanceof ProblemError)) throw error;
    const problems = [{ field: document.mode === "san" ? "uri" : "url", message: error.message }];
    return ok({ machine: shown, plan: null, problems });
  }
}

/** Renders all of a boot's answers without what makes it real. */
function previewBoot(boot: {
  machine: SiteMachine;
  site: SiteIdentity;
  pinned: Pinned;
  attempt: string | null;
}): BootPreview {
  const { machine, site, pinned, attempt } = boot;
  const { capability } = PLACEHOLDERS;
  const treePath = placeholderTree(pinned);
  const attemptId = pinned.profile.document.mode === "live" ? null : PLACEHOLDERS.attemptId;
  const mac = machine.macs[0]!;
  const view = viewOf({ machine, site, pinned, ...PLACEHOLDERS, attemptId, treePath, mac });
  const masked = { ...view, secret: maskSecrets(Object.keys(pinned.secrets ?? {})) };
  const levels = variableLevels(site, pinned, machine);
  const answers: Record<string, AnswerPreview> = {};
  for (const [file, { template, lifetime }] of Object.entries(pinned.profile.document.answers ?? {})) {
    const { revision, text: source } = pinned.templates[template]!;
    let text: string | null = null;
    const problems = findProblems(() => {
      text = renderAnswer(pinned, template, masked);
      return [];
    });
    answers[file] = {
      template,
      revision,
      lifetime: lifetime ?? "once",
      text,
      problems: problems.map(({ line, column, message }) => ({ field: `${line}:${column}`, message })),
      variables: explainVariables(levels, parseTemplate(source)),
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
