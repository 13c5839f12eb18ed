import { expect } from "vitest";
import { OPERATIONS } from "../../worker/api/api.ts";
import { problemsOf, type Operation } from "../../worker/api/operation.ts";
import { problemSchema } from "../../worker/api/responses/problem.ts";
import { problemStatus, problemUrn } from "../../worker/problem.ts";

type Received = { status: number; headers: Headers; text: string; json: unknown };

/** The operation that a request is for. */
export function operationOf(method: string, path: string): Operation | undefined {
  const segments = path.replace(/\?.*/, "").slice("/api/v1".length).split("/");
  return OPERATIONS.find((operation) => {
    const named = operation.path.split("/");
    const takesRest = named.at(-1) === "{path}";
    return (
      operation.method.toUpperCase() === (method === "HEAD" ? "GET" : method) &&
      (takesRest ? segments.length >= named.length : segments.length === named.length) &&
      named.every((part, i) => part === segments[i] || /^\{\w+\}$/.test(part))
    );
  });
}

/** Fails where an answer of the API is not as the operation's schemas say. */
export function checkAgainstOperation(method: string, path: string, reply: Received): void {
  const operation = path.startsWith("/api/v1/") ? operationOf(method, path) : undefined;
  if (operation === undefined) return;
  const where = `${method} ${path}: ${reply.status} ${reply.text}`;
  if (reply.status >= 400) {
    const documented = [...problemsOf(operation)].filter((type) => problemStatus(type) === reply.status);
    expect(reply.headers.get("content-type"), where).toBe("application/problem+json");
    if (method === "HEAD") return;
    expect(documented.map(problemUrn), where).toContain(problemSchema.parse(reply.json).type);
    return;
  }
  if (reply.status === 304) {
    expect(operation.method === "get" && operation.conditional, where).toBe(true);
    return;
  }
  const response = operation.responses[reply.status as 200 | 201 | 204];
  expect(response, `${where} is not documented`).toBeDefined();
  expect(reply.headers.has("etag"), `${where} has an ETag`).toBe(response!.tagged ?? false);
  if (method === "HEAD") return;
  if (response!.schema === undefined) {
    expect(reply.text, where).toBe("");
    return;
  }
  expect(reply.headers.get("content-type"), where).toMatch(/^application\/json/);
  // What a schema would fill in is missing in the answer.
  expect(response!.schema.parse(reply.json), where).toEqual(reply.json);
}
