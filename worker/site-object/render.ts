import { createView, type RenderView } from "../../core/boot/view.ts";
import type { Mac } from "../../core/addresses.ts";
import { SAN_TEXTS, type ChainProfile, type SanProfile } from "../../core/boot/model.ts";
import type { SanPlan } from "../../core/boot/plan.ts";
import { TemplateError, type TemplateProblem } from "../../core/render/problems.ts";
import { checkTemplate, renderTemplate } from "../../core/render/render.ts";
import { secretNames } from "../../core/render/secret-names.ts";
import { parseKeptInline, parseKeptTemplate } from "../parse-template.ts";
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

/** The pinned secrets that one answer names, still encrypted. */
export function sealedSecretsOf(pinned: Pinned, file: string): Record<string, string> {
  const answers = pinned.profile.document.answers ?? {};
  if (pinned.secrets === undefined || !Object.hasOwn(answers, file)) return {};
  const names = secretNames(parseKeptTemplate(pinned.templates[answers[file]!.template]!.text));
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
  return renderTemplate(parseKeptTemplate(pinned.templates[template]!.text), view, { name: template });
}

/** The profile's kernel arguments. @throws TemplateError */
export function renderKernelArgs(pinned: Pinned, view: RenderView): string {
  const parsed = parseKeptInline("kernel-args", pinned.profile.document.args ?? "");
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
  boot: UnarmedBootNames,
): string {
  const url = renderInline(chain, "url", chain.document.url, boot);
  const { protocol } = URL.canParse(url) ? new URL(url) : { protocol: "" };
  if (protocol === "http:" || protocol === "https:") return url;
  const message = `"${url}" is no http:// or https:// URL`;
  throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "url", message }] });
}

/**
 * The disk over the network that a SAN profile leads to.
 *
 * @throws TemplateError
 */
export function renderSan(
  san: { readonly name: string; readonly document: SanProfile },
  boot: UnarmedBootNames,
): SanPlan {
  const texts = SAN_TEXTS.flatMap((field) => {
    const text = san.document[field];
    return text === undefined ? [] : [[field, renderInline(san, field, text, boot)]];
  });
  return { kind: "san", ...(Object.fromEntries(texts) as Omit<SanPlan, "kind">) };
}

/** Names of the secrets that it names. */
export function sanSecrets(document: SanProfile): string[] {
  const names = SAN_TEXTS.flatMap((field) => secretNames(parseKeptInline("ipxe", document[field] ?? "")));
  return [...new Set(names)];
}

/** What a profile that starts no kernel may name. */
type UnarmedBootNames = {
  readonly machine: SiteMachine;
  readonly mac: Mac;
  readonly site: SiteIdentity;
  readonly baseUrl: string;
  readonly secrets?: Readonly<Record<string, string>>;
};

/** One of such a profile's own texts, which is one word of an iPXE script. There is no capability to hand out. */
function renderInline(
  { name, document }: { readonly name: string; readonly document: ChainProfile | SanProfile },
  field: string,
  text: string,
  boot: UnarmedBootNames,
): string {
  const pinned = { profile: { document }, variables: {} };
  const { urls, ...view } = viewOf({ ...boot, pinned, attemptId: null, capability: "" });
  const { base } = urls as { readonly base: string };
  const parsed = parseKeptInline("ipxe", text);
  return renderTemplate(parsed, { ...view, urls: { base } }, { name: `${name} ${field}` });
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
  collect("args", () => checkTemplate(parseKeptInline("kernel-args", document.args ?? ""), scriptView));
  for (const [file, { template }] of Object.entries(document.answers ?? {})) {
    const text = boot.pinned.templates[template]!.text;
    collect(`answers.${file}.${template}`, () => checkTemplate(parseKeptTemplate(text), answerView));
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
