import { ERROR_CODE } from "../../core/tftp-packet/packet.ts";
import type { FileRefused, FileRefusedReason } from "../boot-files/file-root.ts";

/** Why a request is not served, in its three tellings. */
export type Refusal = {
  /** For the client: an ERROR's code and message, which name no path. */
  readonly code: number;
  readonly message: string;
  /** For the timeline. */
  readonly reason: string;
  /** For the log, where it is the operator's to mend. */
  readonly advice?: string;
};

export const READ_ONLY: Refusal = {
  code: ERROR_CODE.ACCESS_VIOLATION,
  message: "this server is read-only",
  reason: "write-request",
};

export const MALFORMED: Refusal = {
  code: ERROR_CODE.ILLEGAL_OPERATION,
  message: "not a well-formed request",
  reason: "malformed",
};

export const BAD_MODE: Refusal = {
  code: ERROR_CODE.ILLEGAL_OPERATION,
  message: "the mode is neither octet nor netascii",
  reason: "bad-mode",
};

export const TOO_LARGE_FOR_NETASCII: Refusal = {
  code: ERROR_CODE.NOT_DEFINED,
  message: "the file is too large for netascii: ask in mode octet",
  reason: "too-large-for-netascii",
};

export const UNAVAILABLE: Refusal = {
  code: ERROR_CODE.NOT_DEFINED,
  message: "the file cannot be read now",
  reason: "unavailable",
};

export const UNAVAILABLE_NOW: Refusal = {
  code: ERROR_CODE.NOT_DEFINED,
  message: "the control plane did not give it: ask again",
  reason: "unavailable",
};

/** Of what is made for the machine that asks: it is not there, or not for this one. */
export const NO_SUCH_FILE: Refusal = {
  code: ERROR_CODE.FILE_NOT_FOUND,
  message: "no such file",
  reason: "missing",
};

/** To the client the same. */
export const NOT_OBSERVED: Refusal = { ...NO_SUCH_FILE, reason: "not-observed" };

/** What a file that is not served looks like from outside. */
export function refusalOfFile(refused: FileRefused): Refusal {
  const [code, message] = FILE_ERRORS[refused.reason];
  const mendable = MENDABLE.has(refused.reason);
  return { code, message, reason: refused.reason, ...(mendable && { advice: refused.message }) };
}

/** What the operator can do something about. */
const MENDABLE: ReadonlySet<FileRefusedReason> = new Set([
  "link-outside-root",
  "unreadable",
  "root-unusable",
]);

const FILE_ERRORS: Record<FileRefusedReason, readonly [code: number, message: string]> = {
  missing: [ERROR_CODE.FILE_NOT_FOUND, "no such file"],
  "not-a-file": [ERROR_CODE.FILE_NOT_FOUND, "not a file"],
  "outside-root": [ERROR_CODE.ACCESS_VIOLATION, "outside of the served folder"],
  "link-outside-root": [ERROR_CODE.ACCESS_VIOLATION, "a link out of the served folder"],
  "bad-name": [ERROR_CODE.ACCESS_VIOLATION, "not a file name"],
  unreadable: [ERROR_CODE.ACCESS_VIOLATION, "the server may not read it"],
  "root-unusable": [ERROR_CODE.NOT_DEFINED, "the server has no files now"],
};
