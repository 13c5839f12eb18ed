import { structuredPatch } from "diff";
import { stringify } from "yaml";
import { colour, printable } from "../terminal/table.ts";
import type { Change, FieldChange } from "./changes.ts";
import type { Plan } from "./plan.ts";

/** So many things of one kind are shown at most; the rest is counted. */
const MAX_SHOWN = 40;
/** So many lines that are the same are shown around a change. */
const CONTEXT_LINES = 1;
/** Of a value in a line. */
const MAX_VALUE = 200;

const SIGNS = { create: ["green", "+"], change: ["yellow", "~"], delete: ["red", "-"] } as const;

/** What a plan changes, for people: a line for each thing, and beneath it what differs. */
export function formatPlan(plan: Plan): string {
  const lines: string[] = [];
  for (const [heading, changes] of group(plan.changes)) {
    lines.push(colour("bold", heading));
    for (const action of ["delete", "create", "change"] as const) {
      const of = changes.filter((change) => change.action === action);
      for (const change of of.slice(0, MAX_SHOWN)) lines.push(...formatChange(change));
      if (of.length > MAX_SHOWN) {
        const [name, sign] = SIGNS[action];
        lines.push(`  ${colour(name, sign)} … and ${of.length - MAX_SHOWN} more (--json tells of all)`);
      }
    }
  }
  for (const { kind, name, users } of plan.kept) {
    const why =
      kind === "site"
        ? `it has ${users.join(" and ")}, which are not removed with it`
        : `it is used by ${users.join(", ")}`;
    lines.push(`  = ${kind} ${name} stays: ${why}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** `3 to create, 1 to change, 9996 as they should be`, or of what was done. */
export function summarize(plan: Plan, done: boolean): string {
  const count = (action: Change["action"]) =>
    plan.changes.filter((change) => change.action === action).length;
  const words = done ? ["created", "changed", "removed"] : ["to create", "to change", "to remove"];
  const counts = [count("create"), count("change"), count("delete")]
    .map((number, i) => (number === 0 ? "" : `${number} ${words[i]}`))
    .filter((text) => text !== "");
  return [
    ...counts,
    `${plan.unchanged} ${counts.length === 0 ? "as they should be: nothing to do" : "as they were"}`,
  ].join(", ");
}

function group(changes: readonly Change[]): Map<string, Change[]> {
  const groups = new Map<string, Change[]>();
  for (const change of changes) {
    const site = change.kind === "site" ? change.name : change.site;
    const heading = site === undefined ? "for all sites" : `site ${site}`;
    groups.set(heading, [...(groups.get(heading) ?? []), change]);
  }
  return groups;
}

function formatChange({ action, kind, name, fields }: Change): string[] {
  const [tone, sign] = SIGNS[action];
  const title = `  ${colour(tone, sign)} ${kind} ${printable(name)}`;
  if (action === "delete") return [title];
  if (action === "create") return [`${title}${kind === "machine" ? formatMachine(fields) : ""}`];
  return [title, ...fields.flatMap(formatField)];
}

/** What a new machine is known by. */
function formatMachine([whole]: readonly FieldChange[]): string {
  const { macs, profile } = (whole?.after ?? {}) as { macs?: string[]; profile?: string };
  return `  ${[...(macs ?? []), ...(profile === undefined ? [] : [profile])].map(printable).join(" ")}`;
}

function formatField({ field, before, after }: FieldChange): string[] {
  const isText = (value: unknown): value is string => typeof value === "string" && value.includes("\n");
  if (isText(before) && isText(after)) return formatLines(before, after);
  if (before === undefined) return [`      ${field}: ${colour("green", showValue(after))}`];
  if (after === undefined) return [`      ${field}: ${colour("red", showValue(before))} → none`];
  return [`      ${field}: ${colour("red", showValue(before))} → ${colour("green", showValue(after))}`];
}

/** The lines in which two texts differ, each with those around it. */
function formatLines(before: string, after: string): string[] {
  const tones = { "-": "red", "+": "green", " ": "dim" } as const;
  const { hunks } = structuredPatch("", "", before, after, "", "", { context: CONTEXT_LINES });
  return hunks.flatMap(({ lines }, i) => [
    ...(i === 0 ? [] : ["      …"]),
    ...lines.map((line) => {
      const tone = tones[line.charAt(0) as keyof typeof tones] ?? "dim";
      return `      ${colour(tone, printable(`${line.slice(0, 1)} ${line.slice(1)}`))}`;
    }),
  ]);
}

function showValue(value: unknown): string {
  const text = printable(stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trimEnd());
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}
