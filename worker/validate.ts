import type * as z from "zod";
import { closestName } from "../core/spelling.ts";
import { fail, ok, type FieldError, type Result } from "./problem.ts";
import { knownFields } from "./schemas/known-fields.ts";

/** Checks a value against its schema; the problem names every wrong field, and what may stand there. */
export function validate<S extends z.ZodType>(schema: S, value: unknown): Result<z.output<S>> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const errors = parsed.error.issues.flatMap((issue) => describeIssue(issue, [], { schema, value }));
  const detail = errors
    .map(({ field, message }) => (field === "" ? message : `${field}: ${message}`))
    .join("; ");
  return fail("invalid", detail, errors);
}

type Checked = { readonly schema: z.ZodType; readonly value: unknown };
type Path = readonly PropertyKey[];

/** @param base path of the union that the issue is of one option of */
function describeIssue(issue: z.core.$ZodIssue, base: Path, checked: Checked): FieldError[] {
  const path = [...base, ...issue.path];
  const field = formatPath(path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        field: formatPath([...path, key]),
        message: unknownField(key, knownFields(checked.schema, checked.value, path)),
      }));
    case "invalid_type":
      return [
        {
          field,
          message: issue.message
            .replace(/^Invalid input: /, "")
            .replace(/^(.*), received undefined$/, "is missing: $1"),
        },
      ];
    case "invalid_key":
      return issue.issues.map(({ message }) => ({ field, message: `a name that cannot be: ${message}` }));
    case "invalid_union": {
      const meant = likeliestOption(issue.errors);
      if (meant === undefined) return [{ field, message: issue.message }];
      return meant.flatMap((inner) => describeIssue(inner, path, checked));
    }
    case "custom":
    case "invalid_element":
    case "invalid_format":
    case "invalid_value":
    case "not_multiple_of":
    case "too_big":
    case "too_small":
      return [{ field, message: issue.message }];
  }
}

function unknownField(key: string, known: readonly string[]): string {
  const close = closestName(key, known);
  if (close !== undefined) return `is not a known field: did you mean "${close}"?`;
  return `is not a known field${known.length > 0 ? `; there are ${known.join(", ")}` : ""}`;
}

/** Which of a union's options was meant: the one with the fewest fields that it does not have at all. */
function likeliestOption(
  options: readonly (readonly z.core.$ZodIssue[])[],
): readonly z.core.$ZodIssue[] | undefined {
  const strangeness = (issues: readonly z.core.$ZodIssue[]) =>
    issues.filter(
      (issue) =>
        issue.code === "unrecognized_keys" || (issue.code === "invalid_type" && issue.expected === "never"),
    ).length *
      100 +
    issues.length;
  return options.toSorted((a, b) => strangeness(a) - strangeness(b))[0];
}

function formatPath(path: Path): string {
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${String(part)}`))
    .join("");
}
