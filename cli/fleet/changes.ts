/** One value that is another one: `before` is absent where there was none, `after` where there will be none. */
export type FieldChange = { readonly field: string; readonly before?: unknown; readonly after?: unknown };

/** What becomes of one thing of a fleet. */
export type Change = {
  readonly action: "create" | "change" | "delete";
  readonly kind: "site" | "machine" | "template" | "image" | "profile";
  readonly name: string;
  /** Of a machine. */
  readonly site?: string;
  readonly fields: readonly FieldChange[];
};

/** The values in which two documents differ, by their paths; members in their order. */
export function compareDocuments(before: unknown, after: unknown, field = ""): FieldChange[] {
  if (isMapping(before) && isMapping(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) =>
      compareDocuments(before[name], after[name], field === "" ? name : `${field}.${name}`),
    );
  }
  if (isListOfMappings(before) && isListOfMappings(after) && before.length === after.length) {
    return before.flatMap((item, i) => compareDocuments(item, after[i], `${field}[${i}]`));
  }
  if (isSame(before, after)) return [];
  return [{ field, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }];
}

/** Whether two values are the same, in whatever order their members are. */
function isSame(before: unknown, after: unknown): boolean {
  if (isMapping(before) && isMapping(after)) return compareDocuments(before, after).length === 0;
  if (Array.isArray(before) && Array.isArray(after)) {
    return before.length === after.length && before.every((item, i) => isSame(item, after[i]));
  }
  return before === after;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOfMappings(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.length > 0 && value.every(isMapping);
}
