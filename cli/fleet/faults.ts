import { closestName } from "../../core/spelling.ts";
import { ApiError, type Json } from "../api-client.ts";
import type { Fleet, FleetDocument } from "./fleet.ts";
import { sortProblems, type FleetProblem, type Place } from "./place.ts";

/** A document among others that are checked. */
export type FaultyMember = { readonly kind: string; readonly source: FleetDocument };

/** Which of them a field is of that the control plane names, and the field's path in that document. */
export type Blame = { readonly index: number; readonly field: string };

/** Collects what is wrong with a fleet's files, by file and line. */
export class FaultFinder {
  private readonly problems: FleetProblem[];
  /** Documents that are at fault, `KIND NAME`. */
  private readonly faulty: Set<string>;

  constructor(fleet: Fleet, problems: readonly FleetProblem[]) {
    this.problems = [...problems];
    this.faulty = new Set(fleet.unreadable);
  }

  get found(): FleetProblem[] {
    return sortProblems(this.problems);
  }

  add(problem: FleetProblem): void {
    this.problems.push(problem);
  }

  /** A name that stands for nothing. */
  missing(place: Place, field: string, kind: string, name: string, known: Iterable<string>): void {
    const close = closestName(name, known);
    const hint = close === undefined ? "" : `: did you mean "${close}"?`;
    this.problems.push({ ...place, field, message: `there is no ${kind} "${name}"${hint}` });
  }

  /**
   * Has documents checked. Where some are refused, the others are checked again
   * without them: a fault of form hides what else is wrong.
   *
   * @param check asks the control plane about members
   * @param blame which member a field is of, as the control plane names it
   * @returns what it answered; `null` where documents are at fault
   * @throws ApiError where it is not about the files
   */
  async check<M extends FaultyMember>(
    members: readonly M[],
    check: (members: readonly M[]) => Promise<Json>,
    blame: (field: string) => Blame | null,
  ): Promise<Json> {
    try {
      return await check(members);
    } catch (error) {
      const faulty = this.take(error, members, blame);
      const others = members.filter((member) => !faulty.has(member));
      if (others.length === members.length || others.length === 0) return null;
      try {
        await check(others);
      } catch (second) {
        this.take(second, others, blame);
      }
      return null;
    }
  }

  /** Notes what the control plane refused, at the places where the files say it; whose it is. */
  private take<M extends FaultyMember>(
    error: unknown,
    members: readonly M[],
    blame: (field: string) => Blame | null,
  ): Set<M> {
    if (!(error instanceof ApiError) || error.status !== 422 || error.fields.length === 0) throw error;
    const faulty = new Set<M>();
    for (const { field, message } of error.fields) {
      const blamed = blame(field);
      const member = blamed === null ? undefined : members[blamed.index];
      // It is about what nobody wrote down, and so is the sentence.
      if (blamed === null || member === undefined) throw error;
      if (this.isOfFaulty(message)) continue;
      faulty.add(member);
      const shown = blamed.field.replace(/^text:\d+:\d+$/, "");
      this.problems.push({
        ...member.source.locate(blamed.field),
        field: shown,
        message: message + adviseOf(message),
      });
    }
    for (const { kind, source } of faulty) this.faulty.add(`${kind} ${source.name}`);
    return faulty;
  }

  /** What names a document that is at fault itself is not. */
  private isOfFaulty(message: string): boolean {
    const match = /^there is no (\w+) "([^"]+)"/.exec(message);
    return match !== null && this.faulty.has(`${match[1]} ${match[2]}`);
  }
}

/** What YAML reads as something else than was meant, e.g. a MAC that is all digits. */
function adviseOf(message: string): string {
  return /^expected string, received (?:number|boolean)$/.test(message) ? ": put it in quotes" : "";
}
