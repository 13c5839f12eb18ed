import Mustache from "mustache";
import type { TemplateSpans } from "mustache";
import { isContextName } from "./contexts.ts";
import type { ContextName } from "./contexts.ts";
import { parseFrontMatter } from "./front-matter.ts";
import type { FrontMatter } from "./front-matter.ts";
import { TemplateError } from "./problems.ts";
import { findChoice } from "./variables.ts";
import type { TemplateProblem, TemplateProblemCode } from "./problems.ts";

/** Longest template taken, in UTF-16 code units. */
export const MAX_TEMPLATE_LENGTH = 256 * 1024;

const MAX_BLANKS = 1000;
const LONG_BLANKS = new RegExp(`\\s{${MAX_BLANKS + 1}}`);

/** Sections within sections; the limit keeps a hostile template from exhausting the stack. */
const MAX_DEPTH = 32;

/** A place in the whole text, front matter included; both count from 1. */
export type Place = { readonly line: number; readonly column: number };

export type TemplateNode =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "value";
      readonly name: string;
      /** The name's parts between its dots. */
      readonly path: readonly string[];
      readonly raw: boolean;
      readonly place: Place;
    }
  | {
      readonly kind: "section";
      readonly name: string;
      /** The name's parts between its dots. */
      readonly path: readonly string[];
      /** Of `layout.raid1`, where `layout` is declared with that value: whether it has it is asked. */
      readonly choice: { readonly variable: string; readonly choice: string } | null;
      readonly inverted: boolean;
      readonly children: readonly TemplateNode[];
      readonly place: Place;
    }
  | {
      readonly kind: "context";
      readonly context: ContextName;
      readonly children: readonly TemplateNode[];
      readonly place: Place;
    };

/** A template found free of every problem that shows without values. */
export type ParsedTemplate = FrontMatter & { readonly nodes: readonly TemplateNode[] };

/**
 * Parses a template: YAML front matter between two `---` lines, then a
 * mustache body.
 *
 * @throws TemplateError with every problem found
 */
export function parseTemplate(text: string): ParsedTemplate {
  const problems: TemplateProblem[] = [];
  const report = (problem: TemplateProblem): void => void problems.push(problem);
  if (text.length > MAX_TEMPLATE_LENGTH) {
    report({ code: "oversize", message: "a template holds at most 256 KiB", line: 1, column: 1 });
    throw new TemplateError(problems, null);
  }
  // Answer files are read on machines where a CR at a line's end is part of the value.
  const source = text.replaceAll("\r\n", "\n");
  const match = /^---[ \t]*\n([^]*?)^---[ \t]*(?:\n|$)/m.exec(source);
  if (match === null || match.index !== 0) {
    const message = "a template starts with front matter between two --- lines";
    report({ code: "bad-front-matter", message, line: 1, column: 1 });
    throw new TemplateError(problems, null);
  }
  const frontMatter = parseFrontMatter(match[1]!, 2, report);
  const nodes = parseBody(source, match[0].length, frontMatter, report);
  if (frontMatter === null || problems.length > 0) throw new TemplateError(problems, null);
  return { ...frontMatter, nodes };
}

/**
 * Parses a text that has no front matter because its kind is known, such as a
 * profile's kernel arguments. It declares no variables.
 *
 * @throws TemplateError
 */
export function parseInlineTemplate(kind: ContextName, body: string): ParsedTemplate {
  const problems: TemplateProblem[] = [];
  if (body.length > MAX_TEMPLATE_LENGTH) {
    problems.push({ code: "oversize", message: "a template holds at most 256 KiB", line: 1, column: 1 });
    throw new TemplateError(problems, null);
  }
  const frontMatter: FrontMatter = { kind, description: "", variables: {}, raw: [], examples: {} };
  const nodes = parseBody(body, 0, frontMatter, (problem) => void problems.push(problem));
  if (problems.length > 0) throw new TemplateError(problems, null);
  return { ...frontMatter, nodes };
}

/** @param bodyStart where the body starts in `source`, so that places are those of the whole text */
function parseBody(
  source: string,
  bodyStart: number,
  frontMatter: FrontMatter | null,
  report: (problem: TemplateProblem) => void,
): TemplateNode[] {
  const body = source.slice(bodyStart);
  const placeOf = createPlaceFinder(source);
  const fail = (code: TemplateProblemCode, message: string, offset: number, variable?: string): void =>
    report({ code, message, ...placeOf(bodyStart + offset), ...(variable !== undefined && { variable }) });

  // mustache looks for the end of a tag by a pattern that is quadratic in blanks: 250,000 take minutes.
  const blanks = LONG_BLANKS.exec(body);
  if (blanks !== null) {
    fail("syntax", `more than ${MAX_BLANKS} blanks in a row`, blanks.index);
    return [];
  }
  let spans: TemplateSpans;
  try {
    // A writer of its own: mustache's global one keeps every template for ever.
    spans = new Mustache.Writer().parse(body) as TemplateSpans;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const unclosed = /^Unclosed section "(.*)" at \d+$/s.exec(message);
    if (unclosed !== null) {
      const name = unclosed[1]!;
      fail("unclosed-section", `section ${name} is not closed`, lastSectionStart(body, name), name);
    } else {
      const offset = Number(/ at (\d+)$/.exec(message)?.[1] ?? 0);
      fail("syntax", message.replace(/ at \d+$/, ""), Math.min(offset, body.length));
    }
    return [];
  }

  const walk = (spans: TemplateSpans, contexts: readonly ContextName[], depth: number): TemplateNode[] => {
    const nodes: TemplateNode[] = [];
    for (const span of spans) {
      const [type, name, start] = span;
      const children = (): TemplateSpans => span[4] as TemplateSpans;
      const place = placeOf(bodyStart + start);
      switch (type) {
        case "text":
          nodes.push({ kind: "text", text: name });
          break;
        case "name":
        case "&":
          if (isContextName(name)) {
            fail("misplaced-context", `${name} is a context, not a variable: use {{#${name}}}`, start, name);
          } else if (type === "&" && frontMatter !== null && !frontMatter.raw.includes(name)) {
            fail("undeclared-raw", `{{{${name}}}} is not escaped: declare it under raw`, start, name);
          }
          nodes.push({ kind: "value", name, path: name.split("."), raw: type === "&", place });
          break;
        case "#":
        case "^":
          if (depth === MAX_DEPTH) {
            fail("too-deep", `sections are nested more than ${MAX_DEPTH} deep`, start, name);
          } else if (!isContextName(name)) {
            const choice = findChoice(frontMatter?.variables ?? {}, name);
            if (choice?.isKnown === false) {
              fail("unknown-choice", `${choice.choice} is no value of ${choice.variable}`, start, name);
            }
            nodes.push({
              kind: "section",
              name,
              path: name.split("."),
              choice,
              inverted: type === "^",
              children: walk(children(), contexts, depth + 1),
              place,
            });
          } else if (type === "^" || contexts.includes(name)) {
            fail("misplaced-context", `the context ${name} cannot be inverted or lie in itself`, start, name);
          } else {
            const inner = walk(children(), [...contexts, name], depth + 1);
            nodes.push({ kind: "context", context: name, children: inner, place });
          }
          break;
        case ">":
          fail("partial-refused", `partials are not supported: {{> ${name}}}`, start, name);
          break;
        case "!":
        case "=":
          break;
        default:
          fail("syntax", `unknown tag ${String(type)}`, start);
      }
    }
    return nodes;
  };
  return walk(spans, frontMatter === null ? [] : [frontMatter.kind], 0);
}

/** mustache reports an unclosed section where it gave up; a person looks for where it opens. */
function lastSectionStart(body: string, name: string): number {
  let start = 0;
  for (const match of body.matchAll(/\{\{\s*[#^]\s*(.*?)\s*\}\}/g)) {
    if (match[1] === name) start = match.index;
  }
  return start;
}

function createPlaceFinder(source: string): (offset: number) => Place {
  const starts = [0];
  for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  };
}
