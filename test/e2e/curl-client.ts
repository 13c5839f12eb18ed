import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { run } from "../support/lab/child.ts";

/** The API over HTTPS with a root of the test's own, by curl: Node's fetch takes roots from its environment only. */
export type CurlClient = {
  // The API's documents are read field by field.
  // oxlint-disable-next-line typescript/no-explicit-any
  request(method: string, path: string, body?: unknown): Promise<any>;
  /** Sends a file as the body. */
  uploadWhole(method: string, path: string, file: string): Promise<{ part: number; etag: string }>;
  /** Uploads a file of an image in one part; resolves to its hash. */
  uploadImageFile(image: string, path: string, file: string): Promise<string>;
};

export function createCurlClient(options: {
  url: string;
  /** `NAME:PORT:ADDRESS` */
  resolve: string;
  rootFile: string;
  token: string;
}): CurlClient {
  const curl = async (method: string, path: string, more: readonly string[]) => {
    const output = await run("curl", [
      "--silent",
      "--show-error",
      "--fail-with-body",
      "--cacert",
      options.rootFile,
      "--resolve",
      options.resolve,
      "--header",
      `authorization: Bearer ${options.token}`,
      "--request",
      method,
      ...more,
      options.url + path,
    ]);
    return output === "" ? null : JSON.parse(output);
  };
  const request: CurlClient["request"] = (method, path, body) =>
    curl(method, path, body === undefined ? [] : ["--data-binary", JSON.stringify(body)]);
  const uploadWhole: CurlClient["uploadWhole"] = (method, path, file) =>
    curl(method, path, ["--data-binary", `@${file}`]);
  return {
    request,
    uploadWhole,
    uploadImageFile: async (image, path, file) => {
      const base = `/images/${image}/files/${path}`;
      const { uploadId } = await request("POST", `${base}?uploads`);
      const part = await uploadWhole("PUT", `${base}?uploadId=${uploadId}&part=1`, file);
      const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
      await request("POST", `${base}?uploadId=${uploadId}`, { sha256, parts: [part] });
      return sha256;
    },
  };
}
