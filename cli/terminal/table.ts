import { stripVTControlCharacters, styleText } from "node:util";

/** A column: its heading, and how an item shows in it. */
export type Column<T> = readonly [heading: string, show: (item: T) => string | number | null | undefined];

/**
 * Lays items out in aligned columns under a line of headings; the last column
 * is not padded. What a machine or a person made up stays on its line: control
 * characters are shown as `?`.
 */
export function formatTable<T>(columns: readonly Column<T>[], items: readonly T[]): string {
  const rows = items.map((item) => columns.map(([, show]) => printable(String(show(item) ?? "-"))));
  const headings = columns.map(([heading]) => heading);
  const widths = headings.map((heading, index) =>
    Math.max(heading.length, ...rows.map((row) => stripVTControlCharacters(row[index]!).length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => {
        const padding = widths[index]! - stripVTControlCharacters(cell).length;
        return index === cells.length - 1 ? cell : cell + " ".repeat(padding);
      })
      .join("  ")
      .trimEnd();
  return [bold(line(headings)), ...rows.map(line)].map((text) => `${text}\n`).join("");
}

/** Text of unknown origin, as one line that cannot drive a terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}

/** Colours show on a terminal only, and not under NO_COLOR. */
export function colour(name: "green" | "red" | "yellow" | "dim" | "bold", text: string): string {
  return styleText(name, text, { stream: process.stdout });
}

function bold(text: string): string {
  return colour("bold", text);
}
