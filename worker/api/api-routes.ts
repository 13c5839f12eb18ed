import { Hono } from "hono";
import type * as z from "zod";
import { check, readBody, readQuery, type App, type AppContext } from "../http.ts";
import type { Operation } from "./operation.ts";

type Output<S> = S extends z.ZodType ? z.output<S> : undefined;

/** What came in, checked against the operation's schemas. */
export type Input<O extends Operation> = {
  readonly params: Output<O["params"]>;
  readonly query: Output<O["query"]>;
  readonly body: Output<O["body"]>;
};

/** Routes of the API, each served as it is described. */
export class ApiRoutes {
  readonly hono = new Hono<App>();
  readonly operations: Operation[] = [];

  /** Adds a route; its handler is called with what its schemas made of the request. */
  add<const O extends Operation>(
    operation: O,
    handler: (c: AppContext, input: Input<O>) => Promise<Response>,
  ): this {
    const { method, path, params, query, body, maxBytes } = operation;
    this.operations.push(operation);
    this.hono.on(method.toUpperCase(), toRouterPath(path), async (c) => {
      const input = {
        params: params && check(params, c.req.param()),
        query: query && readQuery(c, query),
        body: body && (await readBody(c, body, maxBytes)),
      };
      return await handler(c, input as Input<O>);
    });
    return this;
  }
}

/** `/a/{id}` as the router has it; a `{path}` takes all segments that are left. */
function toRouterPath(path: string): string {
  return path
    .split("/")
    .map((segment) => {
      // The router takes a colon in the middle of a segment for a parameter.
      if (segment.includes(":")) return `:segment{${segment}}`;
      return segment.replace(/^\{path\}$/, ":path{.+}").replace(/^\{(\w+)\}$/, ":$1");
    })
    .join("/");
}
