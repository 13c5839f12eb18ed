import { createView, type RenderView } from "../../core/boot/view.ts";
import type { Mac } from "../../core/addresses.ts";
import type { ChainProfile } from "../../core/boot/model.ts";
import {
  parseInlineTemplate,
  parseTemplate,
  type ParsedTemplate,
  type TemplateNode,
} from "../../core/render/parse.ts";
import { TemplateError, type TemplateProblem } from "../../core/render/problems.ts";
import { checkTemplate, renderTemplate } from "../../core/render/render.ts";
import { ProblemError, type FieldError, type Result } from "../problem.ts";
import { openSecrets } from "../secret-box.ts";
import { placeholderTree, withTree } from "../tree-url.ts";
import { variableLevels, type SiteIdentity, type Variabled } from "./identity.ts";
import type { SiteMachine } from "./machines.ts";
import type { Pinned } from "./pinned.ts";

/** The names that a boot's templates see. */
export function viewOf(boot: {
  machine: SiteMachine;
  mac: Mac;
  site: SiteIdentity;
  /** `null`: of no install. */
  attemptId: string | null;
  capability: string;
  baseUrl: string;
  pinned: Variabled;
  /** The image as a whole, see `signTree`. A script's is signed where the script is written. */
  treePath?: string | undefined;
  /** In plain; only an answer has any: a script may be fetched again and again. */
  secrets?: Readonly<Record<string, string>>;
}): RenderView {
  const view = createView({
    ...boot,
    siteName: boot.site.name,
    variables: variableLevels(boot.site, boot.pinned, boot.machine).map(({ variables }) => variables),
  });
  const named = { ...view, secret: boot.secrets ?? {} };
  return boot.treePath === undefined ? named : withTree(named, boot.treePath);
}

/** Names of the secrets that a template names as `{{secret.NAME}}`. */
export function secretNames({ nodes }: ParsedTemplate): string[] {
  const names = new Set<string>();
  const walk = (nodes: readonly TemplateNode[]): void => {
    for (const node of nodes) {
      if (node.kind === "text") continue;
      if (node.kind !== "context" && node.name.startsWith("secret."))
        names.add(node.name.slice("secret.".length));
      if (node.kind !== "value") walk(node.children);
    }
  };
  walk(nodes);
  return [...names];
}

/** The pinned secrets that one answer names, still encrypted. */
export function sealedSecretsOf(pinned: Pinned, file: string): Record<string, string> {
  const answers = pinned.profile.document.answers ?? {};
  if (pinned.secrets === undefined || !Object.hasOwn(answers, file)) return {};
  const names = secretNames(parseTemplate(pinned.templates[answers[file]!.template]!.text));
  return Object.fromEntries(
    names.flatMap((name) => (Object.hasOwn(pinned.secrets!, name) ? [[name, pinned.secrets![name]!]] : [])),
  );
}

/** All pinned secrets in plain, those of its rescue with them. */
export async function openPinnedSecrets(
  secretKeys: string,
  pinned: Pinned,
): Promise<Result<Record<string, string>>> {
  return await openSecrets(secretKeys, { ...pinned.rescue?.secrets, ...pinned.secrets });
}

/** @throws TemplateError */
export function renderAnswer(pinned: Pinned, template: string, view: RenderView): string {
  return renderTemplate(parseTemplate(pinned.templates[template]!.text), view, { name: template });
}

/** The profile's kernel arguments. @throws TemplateError */
export function renderKernelArgs(pinned: Pinned, view: RenderView): string {
  const parsed = parseInlineTemplate("kernel-args", pinned.profile.document.args ?? "");
  return renderTemplate(parsed, view, { name: `${pinned.profile.name} args` });
}

/**
 * The URL that a chain profile leads to.
 *
 * @throws TemplateError
 * @throws ProblemError `invalid` where what it renders to is no URL
 */
export function renderChainUrl(
  chain: { readonly name: string; readonly document: ChainProfile },
  boot: { machine: SiteMachine; mac: Mac; site: SiteIdentity; baseUrl: string },
): string {
  const pinned = { profile: { document: chain.document }, variables: {} };
  const { urls, ...view } = viewOf({ ...boot, pinned, attemptId: null, capability: "" });
  const { base } = urls as { readonly base: string };
  const parsed = parseInlineTemplate("ipxe", chain.document.url);
  const url = renderTemplate(parsed, { ...view, urls: { base } }, { name: `${chain.name} url` });
  const { protocol } = URL.canParse(url) ? new URL(url) : { protocol: "" };
  if (protocol === "http:" || protocol === "https:") return url;
  const message = `"${url}" is no http:// or https:// URL`;
  throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "url", message }] });
}

/** Stands for what only a real boot has, in the same form and length. */
export const PLACEHOLDERS = {
  attemptId: "0".repeat(16),
  capability: "0".repeat(48),
  baseUrl: "http://255.255.255.255:65535",
};

/** All that would keep a machine from getting its script and answers, found before it is armed or booted. */
export function checkRender(boot: {
  machine: SiteMachine;
  site: SiteIdentity;
  pinned: Pinned;
  secrets: Readonly<Record<string, string>>;
}): FieldError[] {
  const { secrets, ...rest } = boot;
  const scriptView = viewOf({
    ...rest,
    ...PLACEHOLDERS,
    ...(boot.pinned.profile.document.mode === "live" && { attemptId: null }),
    treePath: placeholderTree(boot.pinned),
    mac: boot.machine.macs[0]!,
  });
  const answerView = { ...scriptView, secret: secrets };
  const errors: FieldError[] = [];
  const collect = (field: string, problems: () => readonly TemplateProblem[]) => {
    for (const problem of findProblems(problems)) {
      errors.push({ field: `${field}:${problem.line}:${problem.column}`, message: problem.message });
    }
  };
  const { document } = boot.pinned.profile;
  collect("args", () => checkTemplate(parseInlineTemplate("kernel-args", document.args ?? ""), scriptView));
  for (const [file, { template }] of Object.entries(document.answers ?? {})) {
    const text = boot.pinned.templates[template]!.text;
    collect(`answers.${file}.${template}`, () => checkTemplate(parseTemplate(text), answerView));
  }
  if (boot.pinned.rescue === undefined) return errors;
  const rescue = checkRender({ ...boot, pinned: boot.pinned.rescue });
  return [...errors, ...rescue.map(({ field, message }) => ({ field: `rescue.${field}`, message }))];
}

export function findProblems(problems: () => readonly TemplateProblem[]): readonly TemplateProblem[] {
  try {
    return problems();
  } catch (error) {
    if (error instanceof TemplateError) return error.errors;
    throw error;
  }
}
