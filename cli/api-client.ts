import { PxedgeError } from "../core/errors.ts";
import { describeFailure } from "../relay/control-plane/answer.ts";

/** What the API refused, as a sentence with the fields at fault. */
export class ApiError extends PxedgeError {
  override readonly name = "ApiError";
  readonly code = "api-refused";
  readonly status: number;
  /** The last part of the problem's type, e.g. `attempt-active`; `undefined` where something else answered. */
  readonly problem: string | undefined;
  /** Every field at fault. */
  readonly fields: readonly FieldError[];

  constructor(
    status: number,
    problem: string | undefined,
    message: string,
    fields: readonly FieldError[] = [],
  ) {
    super(message);
    this.status = status;
    this.problem = problem;
    this.fields = fields;
  }
}

/** What is wrong with one field of a document, e.g. `files.linux.sha256`. */
export type FieldError = { readonly field: string; readonly message: string };

export type RequestOptions = {
  readonly headers?: Readonly<Record<string, string>>;
};

/** The control plane's API, as an operator's tools use it. */
export type ApiClient = {
  /**
   * One request; resolves to its JSON.
   *
   * @param path below `/api/v1`
   * @throws ApiError
   */
  request(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<Json>;
  /** A document with its tag, or `null` where there is none. @throws ApiError */
  read(path: string): Promise<{ readonly document: Json; readonly etag: string } | null>;
  /** All items of a list, page by page. @throws ApiError */
  list(path: string): Promise<Json[]>;
  /** As `request`, of bytes that are sent as they are. @throws ApiError */
  send(method: string, path: string, body: Uint8Array<ArrayBuffer>): Promise<Json>;
};

// The API's documents are checked by the control plane; here they are read field by field.
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

/** Fields at fault that are named; an order for a thousand machines may have thousands. */
const MAX_SHOWN_ERRORS = 20;

/** The most that a page of a list holds. */
const PAGE_ITEMS = 1_000;

export function createApiClient(url: string, token: string): ApiClient {
  async function exchange(
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer> | undefined,
    { headers = {} }: RequestOptions = {},
  ): Promise<{ json: Json; etag: string }> {
    let response: Response;
    try {
      response = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: { ...headers, authorization: `Bearer ${token}` },
        ...(body !== undefined && { body }),
      });
    } catch (cause) {
      throw new Error(`the control plane at ${url} cannot be reached: ${describeFailure(cause)}`, { cause });
    }
    const text = await response.text();
    if (!response.ok) throw readRefusal(response.status, text);
    const etag = response.headers.get("etag") ?? "";
    if (text === "") return { json: null, etag };
    try {
      return { json: JSON.parse(text), etag };
    } catch (cause) {
      throw new Error(`what answers at ${url} is no pxedge control plane (no JSON came back)`, { cause });
    }
  }

  const request: ApiClient["request"] = async (method, path, body, options) =>
    (await exchange(method, path, body === undefined ? undefined : JSON.stringify(body), options)).json;

  const send: ApiClient["send"] = async (method, path, body) => (await exchange(method, path, body)).json;

  const read: ApiClient["read"] = async (path) => {
    try {
      const { json, etag } = await exchange("GET", path, undefined);
      return { document: json, etag };
    } catch (error) {
      if (error instanceof ApiError && error.problem === "not-found") return null;
      throw error;
    }
  };

  async function list(path: string): Promise<Json[]> {
    const items: Json[] = [];
    const separator = path.includes("?") ? "&" : "?";
    for (let after = ""; ;) {
      const cursor = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
      const page = await request("GET", `${path}${separator}limit=${PAGE_ITEMS}${cursor}`);
      items.push(...page.items);
      // A log's last position is no promise of more.
      if (page.next === null || page.items.length < PAGE_ITEMS) return items;
      after = String(page.next);
    }
  }

  return { send, request, read, list };
}

function readRefusal(status: number, text: string): ApiError {
  let problem: { type?: string; title?: string; detail?: string; errors?: FieldError[] };
  try {
    problem = JSON.parse(text);
  } catch {
    // Not of the control plane, which always says why: a gateway, or another server.
    return new ApiError(status, undefined, `the server answered HTTP ${status} without saying why`);
  }
  const { type, title, detail, errors = [] } = problem;
  const lines = errors.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  // Several in a row, as the API says them, are read more easily below each other.
  const isList = lines.length > 1 && detail === lines.join("; ");
  const unsaid = isList ? lines : lines.filter((_, i) => detail?.includes(errors[i]!.message) !== true);
  if (unsaid.length > MAX_SHOWN_ERRORS) {
    unsaid.splice(MAX_SHOWN_ERRORS, Infinity, `and ${unsaid.length - MAX_SHOWN_ERRORS} more`);
  }
  const summary = isList ? `${lines.length} faults` : (detail ?? title ?? `HTTP ${status}`);
  const sentence =
    status === 401
      ? "the control plane does not accept the token: is PXEDGE_TOKEN (or --token) meant for it, and not expired?"
      : [summary, ...unsaid].join("\n  ");
  return new ApiError(status, type?.split(":").at(-1), sentence, errors);
}
