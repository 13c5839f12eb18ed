import type { Result } from "./problem.ts";

/**
 * A transaction that is undone where its outcome is a failure, and always where
 * it is only tried.
 *
 * @param transaction runs a body, and undoes its writes where that throws
 */
export function wholly<T>(
  transaction: (body: () => Result<T>) => Result<T>,
  body: () => Result<T>,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Result<T> {
  let undone: Result<T> | undefined;
  try {
    return transaction(() => {
      const result = body();
      if (result.ok && !dryRun) return result;
      undone = result;
      throw UNDO;
    });
  } catch (error) {
    if (error === UNDO && undone !== undefined) return undone;
    throw error;
  }
}

/** Leaves a transaction without its writes. */
const UNDO = new Error("undone");
