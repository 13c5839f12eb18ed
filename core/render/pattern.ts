/** The longest pattern taken, and the longest value that is matched with one. */
const MAX_PATTERN_LENGTH = 200;
export const MAX_MATCHED_LENGTH = 1024;

/** What makes a pattern match the whole value. */
const BEFORE = "^(?:";
const AFTER = ")$";

/** A compiled pattern as the template has it. */
export function patternText(pattern: RegExp): string {
  return pattern.source.slice(BEFORE.length, -AFTER.length);
}

export type CompiledPattern =
  | { readonly kind: "compiled"; readonly pattern: RegExp }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * Compiles a variable's pattern, a regular expression that matches the whole
 * value. Repetitions of what repeats or branches itself are refused: on some
 * values they take a time that doubles with every character.
 */
export function compilePattern(source: unknown): CompiledPattern {
  if (typeof source !== "string" || source.length > MAX_PATTERN_LENGTH) {
    return refuse(` must be text of at most ${MAX_PATTERN_LENGTH} characters`);
  }
  let pattern: RegExp;
  try {
    pattern = new RegExp(`${BEFORE}${source}${AFTER}`, "u");
  } catch (error) {
    return refuse(`: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (repeatsRepetition(source)) return refuse(" repeats a group that repeats or branches itself");
  return { kind: "compiled", pattern };
}

/** Reads a valid pattern by its groups; a group is what a repetition behind its parenthesis repeats. */
function repeatsRepetition(source: string): boolean {
  const tokens = source.match(/\\.|\[(?:\\.|[^\]\\])*\]|\(\?<?[:=!]?|\{\d+(?:,\d*)?\}|./gsu) ?? [];
  const groups: { variable: boolean }[] = [{ variable: false }];
  let closed: { variable: boolean } | null = null;
  for (const token of tokens) {
    const repeats = token === "*" || token === "+" || /^\{\d+,/.test(token);
    if (token.startsWith("(")) groups.push({ variable: false });
    if (repeats) {
      if (closed?.variable === true) return true;
      groups.at(-1)!.variable = true;
    } else if (token === "|") groups.at(-1)!.variable = true;
    if (token === ")") {
      closed = groups.pop()!;
      groups.at(-1)!.variable ||= closed.variable;
    } else closed = null;
  }
  return false;
}

function refuse(reason: string): CompiledPattern {
  return { kind: "refused", reason };
}
