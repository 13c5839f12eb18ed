import { CsvError, parse } from "csv-parse/sync";
import { closestName } from "../../core/spelling.ts";
import { readVariable } from "../operator/arguments.ts";
import type { FleetDocument } from "./fleet.ts";
import type { FleetProblem } from "./place.ts";

type MachinesFile = { readonly machines: FleetDocument[]; readonly problems: FleetProblem[] };

const COLUMNS = ["name", "macs", "uuid", "serial", "address", "profile", "protected"] as const;
const TEXT_COLUMNS: readonly string[] = ["uuid", "serial", "address", "profile"];
const TRUTH: Readonly<Record<string, boolean>> = { true: true, yes: true, false: false, no: false };

/**
 * Machines from a table (RFC 4180) whose first line names the columns: `name`,
 * `macs` (or `mac`; several with blanks or semicolons between), `uuid`, `serial`,
 * `address`, `profile`, `protected` (yes or no), `labels.KEY`, `variables.NAME`.
 * An empty cell says nothing.
 */
export function readMachinesCsv(file: string, text: string): MachinesFile {
  let rows: { record: string[]; info: { lines: number } }[];
  try {
    rows = parse(text, {
      info: true,
      bom: true,
      trim: true,
      comment: "#",
      comment_no_infix: true,
      skip_empty_lines: true,
      relax_column_count: true,
    }) as unknown as typeof rows;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error["lines"] === "number" ? error["lines"] : 1;
    return { machines: [], problems: [{ file, line, field: "", message: error.message }] };
  }
  const [heading, ...body] = rows;
  if (heading === undefined) return { machines: [], problems: [] };
  const columns = heading.record.map((column) => (column === "mac" ? "macs" : column));
  const problems = findWrongColumns(columns).map((message) => ({
    file,
    line: heading.info.lines,
    field: "",
    message,
  }));
  if (problems.length > 0) return { machines: [], problems };

  const machines: FleetDocument[] = [];
  for (const { record, info } of body) {
    const place = { file, line: info.lines };
    const refuse = (field: string, message: string) => void problems.push({ ...place, field, message });
    if (record.length !== columns.length)
      refuse("", `has ${record.length} cells, the first line names ${columns.length} columns`);
    else machines.push({ ...toMachine(columns, record, refuse), locate: () => place });
  }
  return { machines, problems };
}

function findWrongColumns(columns: readonly string[]): string[] {
  const wrong: string[] = [];
  if (!columns.includes("name")) wrong.push('the first line names the columns, and "name" is one of them');
  for (const [i, column] of columns.entries()) {
    if (columns.indexOf(column) !== i) wrong.push(`there are two columns "${column}"`);
    if ((COLUMNS as readonly string[]).includes(column) || /^(?:labels|variables)\../.test(column)) continue;
    const close = closestName(column, COLUMNS);
    const hint =
      close === undefined
        ? `there are ${COLUMNS.join(", ")}, labels.KEY, variables.NAME`
        : `did you mean "${close}"?`;
    wrong.push(`there is no column "${column}"; ${hint}`);
  }
  return wrong;
}

function toMachine(
  columns: readonly string[],
  cells: readonly string[],
  refuse: (field: string, message: string) => void,
): { name: string; document: Record<string, unknown> } {
  const document: Record<string, unknown> = {};
  const labels: Record<string, string> = {};
  const variables: Record<string, unknown> = {};
  let name = "";
  for (const [i, column] of columns.entries()) {
    const cell = cells[i]!;
    if (column === "name") name = cell;
    if (cell === "") continue;
    if (column === "macs") document["macs"] = cell.split(/[\s;,|]+/).filter((mac) => mac !== "");
    else if (TEXT_COLUMNS.includes(column)) document[column] = cell;
    else if (column === "protected") {
      const value = TRUTH[cell.toLowerCase()];
      if (value === undefined) refuse(column, `"${cell}" is neither yes nor no`);
      else document[column] = value;
    } else if (column.startsWith("labels.")) labels[column.slice("labels.".length)] = cell;
    else if (column.startsWith("variables."))
      variables[column.slice("variables.".length)] = readVariable(cell);
  }
  if (name === "") refuse("name", "is empty");
  if (Object.keys(labels).length > 0) document["labels"] = labels;
  if (Object.keys(variables).length > 0) document["variables"] = variables;
  return { name, document };
}
