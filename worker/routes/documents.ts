import { ApiRoutes } from "../api/api-routes.ts";
import { BY_NAME, PAGE } from "../api/parameters.ts";
import {
  headPageSchema,
  profileDocumentSchema,
  revisionPageSchema,
  storedSchema,
  templateDocumentSchema,
} from "../api/responses/documents.ts";
import { controlObject } from "../env.ts";
import { pageJson, preconditionOf } from "../http.ts";
import { checkReferences } from "../pin.ts";
import { unwrap } from "../problem.ts";
import { profileSchema } from "../schemas/profile.ts";
import { profileReferences, templateReferences } from "../references.ts";
import { rollbackSchema, templateSchema } from "../schemas/documents.ts";
import { checkTemplateText } from "../check-template.ts";
import { rollBack, showDocument, storeDocument } from "../stored-documents.ts";

/** What a PUT of a document answers. */
export const STORED = {
  200: { description: "The name stands for it", schema: storedSchema, tagged: true },
  201: { description: "The name is new", schema: storedSchema, tagged: true },
} as const;

/** `/api/v1/profiles` and `/api/v1/templates`: a PUT makes an immutable revision and moves the head. */
export const documentRoutes = new ApiRoutes()
  .add(
    {
      method: "put",
      path: "/profiles/{name}",
      id: "putProfile",
      tag: "profiles",
      summary: "Make a revision of a profile",
      params: BY_NAME,
      body: profileSchema,
      conditional: true,
      responses: STORED,
    },
    async (c, { params: { name }, body: profile }) => {
      await checkReferences(c.env, profile);
      return await storeDocument(c, "profile", name, profile, profileReferences(profile));
    },
  )

  .add(
    {
      method: "get",
      path: "/profiles/{name}",
      id: "getProfile",
      tag: "profiles",
      summary: "A profile as it is now",
      params: BY_NAME,
      conditional: true,
      responses: { 200: { description: "The document", schema: profileDocumentSchema, tagged: true } },
    },
    async (c, { params }) => await showDocument(c, "profile", params.name),
  )

  .add(
    {
      method: "put",
      path: "/templates/{name}",
      id: "putTemplate",
      tag: "templates",
      summary: "Make a revision of a template",
      params: BY_NAME,
      body: templateSchema,
      conditional: true,
      responses: STORED,
    },
    async (c, { params: { name }, body: template }) => {
      checkTemplateText(template.text);
      return await storeDocument(c, "template", name, template, templateReferences(template.text));
    },
  )

  .add(
    {
      method: "get",
      path: "/templates/{name}",
      id: "getTemplate",
      tag: "templates",
      summary: "A template as it is now",
      params: BY_NAME,
      conditional: true,
      responses: { 200: { description: "The document", schema: templateDocumentSchema, tagged: true } },
    },
    async (c, { params }) => await showDocument(c, "template", params.name),
  );

for (const [kind, Kind] of [
  ["profile", "Profile"],
  ["template", "Template"],
  ["image", "Image"],
] as const) {
  documentRoutes
    .add(
      {
        method: "get",
        path: `/${kind}s`,
        id: `list${Kind}s`,
        tag: `${kind}s`,
        summary: `List ${kind}s`,
        query: PAGE,
        responses: { 200: { description: "By name", schema: headPageSchema } },
      },
      async (c, { query }) =>
        await pageJson(
          c,
          query,
          async (page) => await controlObject(c.env).listHeads(kind, page),
          (head) => head.name,
        ),
    )
    .add(
      {
        method: "get",
        path: `/${kind}s/{name}/revisions`,
        id: `list${Kind}Revisions`,
        tag: `${kind}s`,
        summary: "Every revision that the name ever stood for",
        params: BY_NAME,
        query: PAGE,
        responses: { 200: { description: "Newest first", schema: revisionPageSchema } },
      },
      async (c, { params: { name }, query }) =>
        await pageJson(
          c,
          query,
          async (page) => await controlObject(c.env).listRevisions(kind, name, page),
          (item) => item.revision,
        ),
    )
    .add(
      {
        method: "post",
        path: `/${kind}s/{name}/rollback`,
        id: `rollBack${Kind}`,
        tag: `${kind}s`,
        summary: "Let the name stand for an earlier revision",
        params: BY_NAME,
        body: rollbackSchema,
        conditional: true,
        responses: STORED,
      },
      async (c, { params, body }) => await rollBack(c, kind, params.name, body.revision),
    )
    .add(
      {
        method: "delete",
        path: `/${kind}s/{name}`,
        id: `delete${Kind}`,
        tag: `${kind}s`,
        summary: `Take ${kind === "image" ? "an" : "a"} ${kind}'s name away`,
        params: BY_NAME,
        conditional: true,
        description: "Refused with 409, naming who, where profiles or sites use it.",
        responses: { 204: { description: "Its revisions stay: armed machines may hold them" } },
        problems: ["conflict"],
      },
      async (c, { params: { name } }) => {
        unwrap(await controlObject(c.env).deleteHead(kind, name, preconditionOf(c)));
        return c.body(null, 204);
      },
    );
}
