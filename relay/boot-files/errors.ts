import { PxedgeError } from "../../core/errors.ts";

/**
 * - `file-root-missing`: there is no such folder
 * - `file-root-not-a-folder`: it is something else
 * - `file-root-unreadable`: this process may not list or enter it
 */
export type FileRootErrorCode = "file-root-missing" | "file-root-not-a-folder" | "file-root-unreadable";

/** The folder of boot files cannot be used; the message says what to do. */
export class FileRootError extends PxedgeError {
  override readonly name = "FileRootError";
  readonly code: FileRootErrorCode;

  constructor(code: FileRootErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
