import { ApiRoutes } from "../api/api-routes.ts";
import { changedDocumentsSchema } from "../api/responses/documents.ts";
import { changeDocuments } from "../document-batch.ts";
import { documentBatchSchema } from "../schemas/document-batch.ts";

const MAX_BATCH_BYTES = 16 << 20;

/** `/api/v1/documents:batch`: profiles, templates and images of a whole fleet. */
export const documentBatchRoutes = new ApiRoutes().add(
  {
    method: "post",
    path: "/documents:batch",
    id: "changeDocuments",
    tag: "profiles",
    summary: "Put and delete profiles, templates and images, all or none",
    description:
      "What counts is how things are at its end: a profile may name what is put with it. Refused with every fault of " +
      "every member. Sites are told once.",
    body: documentBatchSchema,
    maxBytes: MAX_BATCH_BYTES,
    responses: { 200: { description: "All of it happened", schema: changedDocumentsSchema } },
    problems: ["precondition-failed"],
  },
  async (c, { body }) => {
    if (body.dryRun) c.set("dryRun", true);
    const { put, revisions, deleted, kept, missingFiles, secrets } = await changeDocuments(
      c.env,
      body,
      c.get("caller"),
    );
    c.set("auditDetail", { put: put.length, deleted: deleted.length });
    const items = put.map(({ outcome, etag }, i) => {
      const { kind, name, document } = body.put[i]!;
      const shown = body.dryRun && outcome !== "unchanged";
      return { kind, name, outcome, revision: revisions[i]!, before: etag, ...(shown && { document }) };
    });
    return c.json({ items, deleted, kept, missingFiles, secrets });
  },
);
