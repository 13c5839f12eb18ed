import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { PxedgeError } from "../core/errors.ts";

/** What the API refused, as a sentence with the fields at fault. */
class ApiError extends PxedgeError {
  override readonly name = "ApiError";
  readonly code = "api-refused";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The control plane's API, as an operator's tools use it. */
export type ApiClient = {
  /**
   * One request; resolves to its JSON.
   *
   * @param path below `/api/v1`
   * @throws ApiError
   */
  request(method: string, path: string, body?: unknown): Promise<Json>;
  /** Uploads a file of an image in parts; resolves to its hash. */
  uploadFile(image: string, path: string, file: string): Promise<string>;
};

// The API's documents are checked by the control plane; here they are read field by field.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;

/** R2 takes parts of at least 5 MiB, but for the last one. */
const PART_BYTES = 8 << 20;

export function createApiClient(url: string, token: string): ApiClient {
  async function send(
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer> | undefined,
  ): Promise<Json> {
    let response: Response;
    try {
      response = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
        ...(body !== undefined && { body }),
      });
    } catch (cause) {
      throw new Error(`the control plane at ${url} cannot be reached`, { cause });
    }
    const text = await response.text();
    if (!response.ok) throw new ApiError(response.status, formatRefusal(method, path, response.status, text));
    return text === "" ? null : JSON.parse(text);
  }

  const request: ApiClient["request"] = (method, path, body) =>
    send(method, path, body === undefined ? undefined : JSON.stringify(body));

  async function uploadFile(image: string, path: string, file: string): Promise<string> {
    const base = `/images/${image}/files/${path}`;
    const { uploadId } = await request("POST", `${base}?uploads`);
    const hash = createHash("sha256");
    const parts: Json[] = [];
    const handle = await open(file);
    try {
      for (;;) {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(PART_BYTES), 0, PART_BYTES);
        // An empty file is one empty part.
        if (bytesRead === 0 && parts.length > 0) break;
        const part = buffer.subarray(0, bytesRead);
        hash.update(part);
        parts.push(await send("PUT", `${base}?uploadId=${uploadId}&part=${parts.length + 1}`, part));
        if (bytesRead < PART_BYTES) break;
      }
    } finally {
      await handle.close();
    }
    const sha256 = hash.digest("hex");
    await request("POST", `${base}?uploadId=${uploadId}`, { sha256, parts });
    return sha256;
  }

  return { request, uploadFile };
}

function formatRefusal(method: string, path: string, status: number, text: string): string {
  try {
    const { title, detail } = JSON.parse(text);
    return `${method} ${path}: ${title}: ${detail}`;
  } catch {
    return `${method} ${path}: HTTP ${status}`;
  }
}
