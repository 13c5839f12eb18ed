import { PxedgeError } from "../../errors.ts";

/**
 * A boot script that cannot carry what it was given; `field` names the input at fault.
 * `unsupported-plan`: this boot loader cannot do such a thing at all.
 */
export class ScriptError extends PxedgeError {
  override readonly name = "ScriptError";
  readonly code: "unrenderable-value" | "kernel-args-too-long" | "unsupported-plan";
  readonly field: string;

  constructor(code: ScriptError["code"], field: string, reason: string) {
    super(`${field}: ${reason}`);
    this.code = code;
    this.field = field;
  }
}
