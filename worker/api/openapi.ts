import * as z from "zod";
import { requiredAccess } from "../access.ts";
import { problemStatus, problemTitle, problemUrn, type ProblemType } from "../problem.ts";
import { problemsOf, TAGS, type Operation, type ResponseSchema } from "./operation.ts";
import { problemSchema } from "./responses/problem.ts";

type Json = Record<string, unknown>;

/**
 * The API as an OpenAPI 3.1 document. Its schemas are JSON Schema 2020-12, made
 * of those that requests are checked by; what has an `id` is a component.
 */
export function describeApi(operations: readonly Operation[], server: string): Json {
  const components = new Components();
  const problem = components.add(problemSchema, "output");
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    paths[operation.path] ??= {};
    paths[operation.path]![operation.method] = describeOperation(operation, components, problem);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "pxedge",
      version: "1",
      description: "Netboot and unattended installation of bare-metal machines at many sites.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: server }],
    security: [{ token: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: components.schemas,
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "An API token. What an operation's `security` names is the smallest role that may.",
        },
      },
    },
  };
}

function describeOperation(operation: Operation, components: Components, problem: Json): Json {
  const { method, path, id, tag, summary, description, params, query, body } = operation;
  const parameters = [
    ...describeParameters("path", params, components),
    ...describeParameters("query", query, components),
    ...describeHeaders(operation),
  ];
  const content = operation.bytes
    ? { "application/octet-stream": { schema: { type: "string", format: "binary" } } }
    : body && {
        [method === "patch" ? "application/merge-patch+json" : "application/json"]: {
          schema: components.add(body, "input"),
        },
      };
  const optional = body?.safeParse({}).success ?? false;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description && { description }),
    security: operation.public ? [] : [{ token: [requiredAccess(method.toUpperCase(), path).role] }],
    ...(parameters.length > 0 && { parameters }),
    ...(content && { requestBody: { required: !optional, content } }),
    responses: { ...describeResponses(operation, components), ...describeProblems(operation, problem) },
  };
}

function describeParameters(
  place: "path" | "query",
  schema: z.ZodObject | undefined,
  components: Components,
) {
  if (schema === undefined) return [];
  return Object.entries(schema.shape).map(([name, member]) => {
    const { description, ...rest } = components.add(member as z.ZodType, "input");
    return {
      name,
      in: place,
      required: place === "path" || !(member as z.ZodType).safeParse(undefined).success,
      ...(typeof description === "string" && { description }),
      schema: rest,
    };
  });
}

function describeHeaders({ method, conditional, idempotent }: Operation): Json[] {
  const header = (name: string, description: string) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  });
  return [
    ...(conditional && method !== "get"
      ? [header("If-Match", "Only if one of these is the document's present ETag, else 412")]
      : []),
    ...(conditional
      ? [
          method === "get"
            ? header("If-None-Match", "The ETag that the reader has: 304 if it is still the present one")
            : header("If-None-Match", "`*`: only if there is no such document, else 412"),
        ]
      : []),
    ...(idempotent
      ? [
          header(
            "Idempotency-Key",
            "The same key with the same body gives what the first order made; with another body, 422",
          ),
        ]
      : []),
  ];
}

function describeResponses(operation: Operation, components: Components): Json {
  const described = Object.entries(operation.responses).map(([status, response]) => [
    status,
    describeResponse(response, components),
  ]);
  const reads = operation.method === "get" && operation.conditional === true;
  return {
    ...Object.fromEntries(described),
    ...(reads && { 304: { description: "The reader has the present document", headers: ETAG } }),
  };
}

const ETAG = {
  ETag: { description: "Changes whenever the document does", required: true, schema: { type: "string" } },
};

function describeResponse({ description, schema, tagged }: ResponseSchema, components: Components): Json {
  return {
    description,
    ...(tagged && { headers: ETAG }),
    ...(schema && { content: { "application/json": { schema: components.add(schema, "output") } } }),
  };
}

/** Problems by their status, each with the types that it may have. */
function describeProblems(operation: Operation, problem: Json): Json {
  const byStatus: Record<number, ProblemType[]> = {};
  for (const type of problemsOf(operation)) (byStatus[problemStatus(type)] ??= []).push(type);
  const described = Object.entries(byStatus).map(([status, types]) => [
    status,
    {
      description: types.map((type) => `\`${problemUrn(type)}\`: ${problemTitle(type)}`).join("\n\n"),
      content: { "application/problem+json": { schema: problem } },
    },
  ]);
  return Object.fromEntries(described);
}

/** Collects schemas that have an `id`; whoever uses one gets a reference. */
class Components {
  readonly schemas: Record<string, Json> = {};
  /** Most are used by several operations, and making them is what the document costs. */
  private readonly made = { input: new Map<z.ZodType, Json>(), output: new Map<z.ZodType, Json>() };

  add(schema: z.ZodType, io: "input" | "output"): Json {
    const known = this.made[io].get(schema);
    if (known !== undefined) return known;
    const json = this.make(schema, io);
    this.made[io].set(schema, json);
    return json;
  }

  private make(schema: z.ZodType, io: "input" | "output"): Json {
    const text = JSON.stringify(z.toJSONSchema(schema, { io }));
    const json = JSON.parse(text.replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
    const { $schema: _, $defs, ...root } = json;
    for (const [id, definition] of Object.entries(($defs as Record<string, Json> | undefined) ?? {})) {
      const present = this.schemas[id];
      if (present !== undefined && JSON.stringify(present) !== JSON.stringify(definition)) {
        throw new Error(`two schemas have the id "${id}"`);
      }
      this.schemas[id] = definition;
    }
    return root;
  }
}
