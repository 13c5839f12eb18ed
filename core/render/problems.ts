import { PxedgeError } from "../errors.ts";

/** What can be wrong with a template, or with a template and the values given to it. */
export type TemplateProblemCode =
  // Known when the template is parsed.
  | "oversize"
  | "bad-front-matter"
  | "unknown-key"
  | "unknown-kind"
  | "reserved-name"
  | "bad-default"
  | "bad-pattern"
  | "bad-example"
  | "syntax"
  | "unclosed-section"
  | "too-deep"
  | "undeclared-raw"
  | "partial-refused"
  | "misplaced-context"
  | "unknown-choice"
  // Known when there are values.
  | "missing-variable"
  | "wrong-type"
  | "pattern-mismatch"
  | "unresolved-variable"
  | "unrenderable-value"
  | "output-too-large";

/** One thing wrong, and where. Lines and columns count from 1, over the whole text with its front matter. */
export type TemplateProblem = {
  readonly code: TemplateProblemCode;
  readonly message: string;
  readonly line: number;
  readonly column: number;
  /** The variable it is about, as the template writes it. */
  readonly variable?: string;
};

/**
 * A template that cannot be parsed or rendered. `code`, `line` and `column`
 * are the first problem's; `errors` holds all of them, in order of place.
 */
export class TemplateError extends PxedgeError {
  override readonly name = "TemplateError";
  readonly code: TemplateProblemCode;
  readonly line: number;
  readonly column: number;
  readonly errors: readonly TemplateProblem[];
  /** Name of the template, where it is known: a text being parsed has none yet. */
  readonly template: string | null;

  constructor(problems: readonly TemplateProblem[], template: string | null) {
    const errors = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
    const first = errors[0]!;
    const place = (problem: TemplateProblem): string =>
      `${template ?? "template"}:${problem.line}:${problem.column}: ${problem.message}`;
    super(errors.map(place).join("\n"));
    this.code = first.code;
    this.line = first.line;
    this.column = first.column;
    this.errors = errors;
    this.template = template;
  }
}
