import { readdirSync, readFileSync } from "node:fs";
import { CONTEXTS, type ContextName } from "../../core/render/contexts.ts";
import { parseInlineTemplate, type ParsedTemplate } from "../../core/render/parse.ts";
import { TemplateError } from "../../core/render/problems.ts";
import { renderTemplate } from "../../core/render/render.ts";
import type { VariableDeclaration } from "../../core/render/variables.ts";
import { featureRows } from "./features.ts";
import { findTemplate } from "./library.ts";

export const PAGES = new URL("../../docs/templates/", import.meta.url);

/** The pages of docs/templates/, by file name. */
export function readPages(): { readonly file: string; readonly text: string }[] {
  return readdirSync(PAGES)
    .filter((file) => file.endsWith(".md"))
    .map((file) => ({ file, text: readFileSync(new URL(file, PAGES), "utf8") }));
}

/**
 * A page with its generated tables made anew: what stands between
 * `<!-- variables: kind/name -->`, `<!-- contexts -->` or `<!-- features -->` and `<!-- end -->`.
 */
export function withTables(page: string): string {
  return page.replace(
    /^<!-- (variables|contexts|features)(?:: (\S+))? -->\n[^]*?^<!-- end -->$/gm,
    (_, table: string, path: string | undefined) => {
      const rows = table === "variables" ? variableTable(findTemplate(path!)) : TABLES[table]!();
      return `<!-- ${table}${path === undefined ? "" : `: ${path}`} -->\n${rows.join("\n")}\n<!-- end -->`;
    },
  );
}

const TABLES: Readonly<Record<string, () => string[]>> = { contexts: contextTable, features: featureTable };

function featureTable(): string[] {
  const [header, ...rows] = featureRows();
  return [row(...header!), `|${"---|".repeat(header!.length)}`, ...rows.map((cells) => row(...cells))];
}

function variableTable({ variables }: ParsedTemplate): string[] {
  const rows = Object.entries(variables).map(([name, declaration]) =>
    row(code(name), declaration.type, defaultOf(declaration), meaningOf(declaration)),
  );
  return [row("variable", "type", "default", "meaning"), "|---|---|---|---|", ...rows];
}

function defaultOf({ required, default: fallback }: VariableDeclaration): string {
  if (fallback !== undefined) return code(JSON.stringify(fallback));
  return required ? "**required**" : "";
}

function meaningOf({ description, pattern }: VariableDeclaration): string {
  const form = pattern === undefined ? "" : code(pattern.source.replace(/^\^\(\?:(.*)\)\$$/, "$1"));
  return [description, form].filter((part) => part !== "").join("; ");
}

const AWKWARD = `Zoë's "50 %" & $HOME #1`;

/** A line of each language, and a value that lands in it. */
const EXAMPLES: Readonly<Record<ContextName, { readonly body: string; readonly x: string }>> = {
  autoinstall: { body: "realname: {{x}}", x: AWKWARD },
  autoyast: { body: "<fullname>{{x}}</fullname>", x: AWKWARD },
  "cloud-config": { body: "packages: [{{x}}]", x: "tmux" },
  grub: { body: "set name={{x}}", x: AWKWARD },
  ignition: { body: '{ "name": {{x}} }', x: AWKWARD },
  ipxe: { body: "set url {{x}}", x: "http://192.0.2.1/a?b=1&c=2" },
  "kernel-args": { body: "hostname={{x}}", x: "web 1" },
  kickstart: { body: "user --gecos={{x}}", x: AWKWARD },
  preseed: { body: "d-i passwd/user-fullname string {{x}}", x: AWKWARD },
  pxelinux: { body: "MENU LABEL {{x}}", x: "Install web-1" },
  shell: { body: "echo {{x}}", x: AWKWARD },
  toml: { body: "mailto = {{x}}", x: AWKWARD },
  unattend: { body: "<Value>{{x}}</Value>", x: AWKWARD },
};

function contextTable(): string[] {
  const rows = Object.entries(EXAMPLES).map(([kind, { body, x }]) =>
    row(
      code(kind),
      CONTEXTS[kind as ContextName].title,
      code(body),
      code(x),
      outcome(kind as ContextName, body, x),
    ),
  );
  return [
    row("kind", "language", "template", "value of `x`", "what comes out"),
    "|---|---|---|---|---|",
    ...rows,
  ];
}

function outcome(kind: ContextName, body: string, x: string): string {
  try {
    return code(renderTemplate(parseInlineTemplate(kind, body), { x }, { name: kind }));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return `refused: ${error.errors[0]!.message}`;
  }
}

function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function code(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}
