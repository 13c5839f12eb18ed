import { PxedgeError } from "../../errors.ts";

/** A boot script that cannot carry what it was given; `field` names the input at fault. */
export class ScriptError extends PxedgeError {
  override readonly name = "ScriptError";
  readonly code: "unrenderable-value" | "kernel-args-too-long";
  readonly field: string;

  constructor(code: ScriptError["code"], field: string, reason: string) {
    super(`${field}: ${reason}`);
    this.code = code;
    this.field = field;
  }
}
