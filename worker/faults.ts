import { fail, type FieldError, type ProblemType, type Result } from "./problem.ts";

/** The sentence tells of so many; the list has all. */
const MAX_TOLD = 5;

/** All that is wrong with a batch, member by member. */
export class Faults {
  private readonly errors: FieldError[] = [];
  private readonly types = new Set<ProblemType>();

  /** @param field which member it is about */
  add(field: string, refused: Result<unknown>): undefined {
    if (refused.ok) return;
    const { type, detail, errors } = refused.problem;
    this.types.add(type);
    const nested = errors?.map((error) => ({ ...error, field: `${field}.${error.field}` }));
    this.errors.push(...(nested ?? [{ field, message: detail }]));
  }

  /** Takes over what another look at the same batch found. */
  addAll(refused: Result<unknown>): void {
    if (refused.ok) return;
    const { type, detail, errors } = refused.problem;
    this.types.add(type);
    this.errors.push(...(errors ?? [{ field: "", message: detail }]));
  }

  /** `null` where nothing is wrong. */
  refusal(): Result<never> | null {
    if (this.errors.length === 0) return null;
    const type = this.types.has("precondition-failed") ? "precondition-failed" : "invalid";
    const told = this.errors.slice(0, MAX_TOLD).map(({ field, message }) => `${field}: ${message}`);
    const more = this.errors.length - told.length;
    const detail = `nothing was changed: ${told.join("; ")}${more > 0 ? ` and ${more} more` : ""}`;
    return fail(type, detail, this.errors);
  }
}
