import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Node, YAMLMap } from "yaml";
import { compilePattern } from "./pattern.ts";
import { isContextName } from "./contexts.ts";
import type { ContextName } from "./contexts.ts";
import type { TemplateProblem, TemplateProblemCode } from "./problems.ts";
import { isVariableValue, valueProblem, VARIABLE_TYPES } from "./variables.ts";
import type { VariableDeclaration, VariableType, VariableValue } from "./variables.ts";

/** What a template says of itself, between its two `---` lines. */
export type FrontMatter = {
  readonly kind: ContextName;
  readonly description: string;
  readonly variables: Readonly<Record<string, VariableDeclaration>>;
  /** Names that `{{{x}}}` may insert without escaping. */
  readonly raw: readonly string[];
  /** Sets of variables by name, to preview the template with; each fits the declarations. */
  readonly examples: Readonly<Record<string, Readonly<Record<string, VariableValue>>>>;
};

/**
 * `, e.g. VALUE`, as JSON, to show what is meant: a value that one of a
 * template's examples gives a variable, else its default; empty where there is none.
 */
export function forExample(
  { examples, variables }: Pick<FrontMatter, "examples" | "variables">,
  name: string,
): string {
  const given = Object.values(examples).flatMap((values) =>
    Object.hasOwn(values, name) ? [values[name]] : [],
  );
  const shown = [...given, variables[name]?.default].find(
    (value) => value !== undefined && (typeof value !== "object" ? value !== "" : value.length > 0),
  );
  return shown === undefined ? "" : `, e.g. ${JSON.stringify(shown)}`;
}

/** Names the control plane gives to every template; a declared variable cannot take them. */
const SYSTEM_NAMES = ["machine", "site", "attempt", "urls", "secret"] as const;

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Reads front matter, reporting every problem it has. Where there are
 * problems the result is what could be read, `null` without a known kind.
 *
 * @param firstLine the line of the whole text that `yaml` starts on, from 1
 */
export function parseFrontMatter(
  yaml: string,
  firstLine: number,
  report: (problem: TemplateProblem) => void,
): FrontMatter | null {
  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false });
  const fail = (code: TemplateProblemCode, message: string, node: unknown, variable?: string): void => {
    const offset = typeof node === "number" ? node : ((node as Node | null)?.range?.[0] ?? 0);
    const { line, col } = lines.linePos(offset);
    report({
      code,
      message,
      line: firstLine + Math.max(line, 1) - 1,
      column: Math.max(col, 1),
      ...(variable !== undefined && { variable }),
    });
  };
  for (const error of document.errors)
    fail("bad-front-matter", `front matter: ${error.message}`, error.pos[0]);
  if (document.errors.length > 0) return null;
  if (!isMap(document.contents)) {
    fail("bad-front-matter", "front matter must be a YAML mapping", 0);
    return null;
  }

  let kind: ContextName | null = null;
  let description = "";
  let variables: Record<string, VariableDeclaration> = {};
  let raw: string[] = [];
  let examplesNode: unknown = null;
  for (const { key, node, keyNode } of entries(document.contents)) {
    const value = scalar(node);
    switch (key) {
      case "kind":
        if (typeof value === "string" && isContextName(value)) kind = value;
        else fail("unknown-kind", `unknown kind ${JSON.stringify(value ?? null)}`, node);
        break;
      case "description":
        if (typeof value === "string") description = value;
        else fail("bad-front-matter", "description must be text", node);
        break;
      case "variables":
        if (isMap(node)) variables = readVariables(node, fail);
        else fail("bad-front-matter", "variables must be a mapping of names", node);
        break;
      case "raw":
        raw = readNames(node, fail);
        break;
      case "examples":
        examplesNode = node;
        break;
      default:
        fail("unknown-key", `unknown key ${key} in front matter`, keyNode);
    }
  }
  if (kind === null) {
    if (!document.contents.has("kind")) fail("unknown-kind", "front matter must name a kind", 0);
    return null;
  }
  // Last, as the variables they are checked against may stand behind them.
  const examples = examplesNode === null ? {} : readExamples(examplesNode, variables, fail);
  return { kind, description, variables, raw, examples };
}

type Fail = (code: TemplateProblemCode, message: string, node: unknown, variable?: string) => void;

function* entries(map: YAMLMap): Generator<{ key: string; node: unknown; keyNode: unknown }> {
  for (const { key, value } of map.items) {
    yield { key: String(scalar(key) ?? key), node: value ?? key, keyNode: key };
  }
}

function scalar(node: unknown): unknown {
  return isScalar(node) ? node.value : undefined;
}

/** A scalar, or a list of what stands in it; `undefined` for what is neither. */
function plain(node: unknown): unknown {
  return isSeq(node) ? node.items.map(scalar) : scalar(node);
}

function readNames(node: unknown, fail: Fail): string[] {
  if (!isSeq(node)) {
    fail("bad-front-matter", "raw must be a list of names", node);
    return [];
  }
  const names: string[] = [];
  for (const item of node.items) {
    const value = scalar(item);
    if (typeof value === "string") names.push(value);
    else fail("bad-front-matter", "raw must be a list of names", item);
  }
  return names;
}

function readExamples(
  node: unknown,
  variables: Readonly<Record<string, VariableDeclaration>>,
  fail: Fail,
): Record<string, Record<string, VariableValue>> {
  const examples = Object.create(null) as Record<string, Record<string, VariableValue>>;
  if (!isMap(node)) {
    fail("bad-front-matter", "examples must be a mapping of names to variables", node);
    return examples;
  }
  for (const { key: name, node: example } of entries(node)) {
    if (!isMap(example)) {
      fail("bad-example", `example ${name} must be a mapping of variables`, example);
      continue;
    }
    const values = Object.create(null) as Record<string, VariableValue>;
    for (const { key, node: valueNode, keyNode } of entries(example)) {
      const value = plain(valueNode);
      const declaration = Object.hasOwn(variables, key) ? variables[key] : undefined;
      const problem = declaration === undefined ? null : valueProblem(declaration, value);
      if (declaration === undefined) {
        fail("bad-example", `example ${name} gives ${key}, which is not declared`, keyNode, key);
      } else if (problem !== null) {
        fail("bad-example", `example ${name}: ${key} ${problem.message}`, valueNode, key);
      } else values[key] = value as VariableValue;
    }
    examples[name] = values;
  }
  return examples;
}

function readVariables(map: YAMLMap, fail: Fail): Record<string, VariableDeclaration> {
  // Without a prototype, so that no name of Object.prototype is found in it.
  const variables = Object.create(null) as Record<string, VariableDeclaration>;
  for (const { key, node, keyNode } of entries(map)) {
    if (!VARIABLE_NAME.test(key)) {
      fail(
        "bad-front-matter",
        `variable name ${JSON.stringify(key)} must be letters, digits and _`,
        keyNode,
        key,
      );
    } else if (isContextName(key) || SYSTEM_NAMES.some((name) => name === key)) {
      fail("reserved-name", `the name ${key} is reserved`, keyNode, key);
    } else if (isMap(node)) {
      variables[key] = readVariable(key, node, fail);
    } else {
      fail("bad-front-matter", `variable ${key} must be a mapping such as {type: string}`, node, key);
    }
  }
  return variables;
}

function readVariable(name: string, map: YAMLMap, fail: Fail): VariableDeclaration {
  let type: VariableType | null = null;
  let required = false;
  let fallback: VariableValue | undefined;
  let fallbackNode: unknown;
  let pattern: RegExp | undefined;
  let choices: readonly string[] | undefined;
  let choicesNode: unknown;
  let description = "";
  for (const { key, node, keyNode } of entries(map)) {
    const value = scalar(node);
    switch (key) {
      case "type":
        type = VARIABLE_TYPES.find((known) => known === value) ?? null;
        if (type === null)
          fail("bad-front-matter", `type of ${name} must be string, number, boolean or list`, node, name);
        break;
      case "required":
        if (typeof value === "boolean") required = value;
        else fail("bad-front-matter", `required of ${name} must be true or false`, node, name);
        break;
      case "default":
        fallbackNode = node;
        if (isVariableValue(plain(node)) || isSeq(node)) fallback = plain(node) as VariableValue;
        else fail("bad-default", `default of ${name} must be a plain value, or a list of text`, node, name);
        break;
      case "pattern":
        pattern = readPattern(name, value, node, fail);
        break;
      case "enum":
        choicesNode = node;
        choices = readChoices(name, node, fail);
        break;
      case "description":
        if (typeof value === "string") description = value;
        else fail("bad-front-matter", `description of ${name} must be text`, node, name);
        break;
      default:
        fail("unknown-key", `unknown key ${key} in variable ${name}`, keyNode, name);
    }
  }
  if (type === null && !map.has("type")) fail("bad-front-matter", `variable ${name} needs a type`, map, name);
  const declaration: VariableDeclaration = {
    type: type ?? "string",
    required,
    description,
    ...(fallback !== undefined && { default: fallback }),
    ...(pattern !== undefined && { pattern }),
    ...(choices !== undefined && { enum: choices }),
  };
  if (choices !== undefined && type !== null && type !== "string") {
    fail("bad-front-matter", `enum of ${name}: only a string has one`, choicesNode, name);
  }
  const problem = fallback !== undefined && type !== null ? valueProblem(declaration, fallback) : null;
  if (problem !== null) fail("bad-default", `default of ${name}: ${problem.message}`, fallbackNode, name);
  return declaration;
}

/** Names, as sections are named by them. */
function readChoices(name: string, node: unknown, fail: Fail): readonly string[] | undefined {
  const choices = plain(node);
  const isNames = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((each) => typeof each === "string" && /^[A-Za-z0-9_-]+$/.test(each));
  if (isNames(choices) && choices.length > 0) return choices;
  fail("bad-front-matter", `enum of ${name} must be a list of words of letters, digits, _ and -`, node, name);
  return undefined;
}

function readPattern(name: string, value: unknown, node: unknown, fail: Fail): RegExp | undefined {
  const result = compilePattern(value);
  if (result.kind === "compiled") return result.pattern;
  fail("bad-pattern", `pattern of ${name}${result.reason}`, node, name);
  return undefined;
}
