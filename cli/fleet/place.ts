/** Where something stands in a file; lines and columns count from 1. */
export type Place = { readonly file: string; readonly line?: number; readonly column?: number };

/** What is wrong, or worth a word, at a place. `field`: path into the document, empty for all of it. */
export type FleetProblem = Place & { readonly field: string; readonly message: string };

/** Finds the place of a field of a document, or of the nearest thing around it. */
export type Locate = (field: string) => Place;

/** `sites/fra1.yaml:3:1: policy: what is wrong`. */
export function formatProblem({ file, line, column, field, message }: FleetProblem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  return `${place}: ${field === "" ? "" : `${field}: `}${message}`;
}

/** In the order of files and lines, none twice. */
export function sortProblems(problems: readonly FleetProblem[]): FleetProblem[] {
  const byText = new Map(problems.map((problem) => [formatProblem(problem), problem]));
  return [...byText.values()].toSorted(
    (a, b) =>
      a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
}
