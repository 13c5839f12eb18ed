import * as z from "zod";
import { ApiRoutes } from "../api/api-routes.ts";
import { PAGE } from "../api/parameters.ts";
import { secretInfoSchema, secretPageSchema } from "../api/responses/access.ts";
import { controlObject } from "../env.ts";
import { pageJson, preconditionOf, taggedJson } from "../http.ts";
import { unwrap } from "../problem.ts";
import { secretNameSchema, secretSchema } from "../schemas/access.ts";

const BY_SECRET_NAME = z.object({ name: secretNameSchema });

/** `/api/v1/secrets`: values go in and never come out. */
export const secretRoutes = new ApiRoutes()
  .add(
    {
      method: "get",
      path: "/secrets",
      id: "listSecrets",
      tag: "secrets",
      summary: "List the names of secrets",
      query: PAGE,
      responses: { 200: { description: "By name", schema: secretPageSchema } },
    },
    async (c, { query }) =>
      await pageJson(
        c,
        query,
        async (page) => await controlObject(c.env).listSecrets(page),
        (secret) => secret.name,
      ),
  )

  .add(
    {
      method: "put",
      path: "/secrets/{name}",
      id: "putSecret",
      tag: "secrets",
      summary: "Set a secret",
      params: BY_SECRET_NAME,
      body: secretSchema,
      conditional: true,
      responses: {
        200: { description: "It has a new value", schema: secretInfoSchema, tagged: true },
        201: { description: "It is new", schema: secretInfoSchema, tagged: true },
      },
    },
    async (c, { params: { name }, body: { value } }) => {
      const { info, etag, created } = unwrap(
        await controlObject(c.env).putSecret(name, value, c.get("caller"), preconditionOf(c)),
      );
      return taggedJson(c, etag, info, created ? 201 : 200);
    },
  )

  .add(
    {
      method: "get",
      path: "/secrets/{name}",
      id: "getSecret",
      tag: "secrets",
      summary: "A secret, without its value",
      params: BY_SECRET_NAME,
      conditional: true,
      responses: { 200: { description: "Since when, by whom", schema: secretInfoSchema, tagged: true } },
    },
    async (c, { params: { name } }) => {
      const { info, etag } = unwrap(await controlObject(c.env).getSecret(name));
      return taggedJson(c, etag, info);
    },
  )

  .add(
    {
      method: "delete",
      path: "/secrets/{name}",
      id: "deleteSecret",
      tag: "secrets",
      summary: "Delete a secret",
      params: BY_SECRET_NAME,
      conditional: true,
      responses: { 204: { description: "Armed machines keep what they took along" } },
    },
    async (c, { params: { name } }) => {
      unwrap(await controlObject(c.env).deleteSecret(name, preconditionOf(c)));
      return c.body(null, 204);
    },
  );
