import { createTwoFilesPatch } from "diff";
import type { FieldError } from "../problem.ts";
import { hashContent } from "../revisions.ts";
import type { SiteMachine } from "../site-object/machines.ts";
import type { RenderedFiles } from "./rendered-files.ts";

/**
 * What a change does to one machine, or to several alike:
 * - `changed`: unified diffs by the file's name;
 * - `error`: it does not render. `side` is `to` where it would not any more or still not,
 *   `from` where it only did not before.
 */
export type Change =
  | { readonly kind: "changed"; readonly files: Readonly<Record<string, string>> }
  | { readonly kind: "error"; readonly side: "from" | "to"; readonly errors: readonly FieldError[] };

/** Beyond so many added and removed lines nobody reads on, and finding the fewest takes long. */
const MAX_EDIT_LENGTH = 2_000;
const CONTEXT_LINES = 3;

/** Compares what a machine is served with what it would be served; `null`: it is the same. */
export function compareFiles(from: RenderedFiles, to: RenderedFiles): Change | null {
  if (to.kind === "failed") return { kind: "error", side: "to", errors: to.errors };
  if (from.kind === "failed") return { kind: "error", side: "from", errors: from.errors };
  const names = [...new Set([...Object.keys(from.files), ...Object.keys(to.files)])];
  const files = names.flatMap((name) => {
    const [before, after] = [from.files[name], to.files[name]];
    return before === after ? [] : [[name, diffTexts(name, before, after)] as const];
  });
  return files.length === 0 ? null : { kind: "changed", files: Object.fromEntries(files) };
}

/** A unified diff; `undefined`: there is no such file. */
function diffTexts(name: string, before: string | undefined, after: string | undefined): string {
  const names = [
    before === undefined ? "/dev/null" : `a/${name}`,
    after === undefined ? "/dev/null" : `b/${name}`,
  ];
  const patch = createTwoFilesPatch(names[0]!, names[1]!, before ?? "", after ?? "", undefined, undefined, {
    context: CONTEXT_LINES,
    maxEditLength: MAX_EDIT_LENGTH,
    headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
  });
  return patch ?? `--- ${names[0]}\n+++ ${names[1]}\n\\ More than ${MAX_EDIT_LENGTH} lines differ\n`;
}

/**
 * Names a change so that machines with the same one have the same name: of what
 * was added and removed, where the machine's own names count as equal.
 */
export async function nameChange(change: Change, machine: SiteMachine): Promise<string> {
  const said =
    change.kind === "error"
      ? change.errors.map(({ field, message }) => `${field}: ${message}`)
      : Object.entries(change.files).flatMap(([name, patch]) => [
          name,
          ...patch.split("\n").filter((line) => /^[-+\\]/.test(line)),
        ]);
  const head = change.kind === "error" ? `error ${change.side}` : "changed";
  return (await hashContent(hideNames([head, ...said].join("\n"), machine))).slice(0, 16);
}

/** A machine's own names, and its MACs in all notations, under words that every machine has. */
function hideNames(text: string, { id, name, macs, uuid, serial, address }: SiteMachine): string {
  const own = [
    ...macs.flatMap((mac, i) =>
      [mac, mac.replaceAll(":", "-"), mac.replaceAll(":", "")].map((text) => [text, `mac ${i}`] as const),
    ),
    ...Object.entries({ id, name, uuid, serial, address }).flatMap(([word, value]) =>
      value === undefined ? [] : [[value, word] as const],
    ),
  ];
  // The longest first: one may be part of another.
  own.sort(([a], [b]) => b.length - a.length);
  const words = new Map(own);
  const any = own.map(([value]) => value.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|");
  return text.replace(
    new RegExp(`(?<![A-Za-z0-9])(?:${any})(?![A-Za-z0-9])`, "g"),
    (value) => `\0${words.get(value)}\0`,
  );
}
