import type * as z from "zod";
import { fail, ok, type FieldError, type Result } from "./problem.ts";

/** Checks a value against its schema; the problem names every wrong field. */
export function validate<S extends z.ZodType>(schema: S, value: unknown): Result<z.output<S>> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const errors = parsed.error.issues.flatMap((issue): FieldError[] => {
    if (issue.code !== "unrecognized_keys")
      return [{ field: formatPath(issue.path), message: issue.message }];
    return issue.keys.map((key) => ({
      field: formatPath([...issue.path, key]),
      message: "is not a known field",
    }));
  });
  const detail = errors
    .map(({ field, message }) => (field === "" ? message : `${field}: ${message}`))
    .join("; ");
  return fail("invalid", detail, errors);
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${String(part)}`))
    .join("");
}
