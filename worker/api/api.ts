import type { ApiRoutes } from "./api-routes.ts";
import type { Operation } from "./operation.ts";
import { auditRoutes } from "../routes/audit.ts";
import { bootFileApiRoutes } from "../routes/boot-file-api.ts";
import { diffRoutes } from "../routes/diffs.ts";
import { documentBatchRoutes } from "../routes/document-batch.ts";
import { documentRoutes } from "../routes/documents.ts";
import { imageApiRoutes } from "../routes/image-api.ts";
import { joinRoutes } from "../routes/join.ts";
import { machineRoutes } from "../routes/machines.ts";
import { orderRoutes } from "../routes/orders.ts";
import { previewRoutes } from "../routes/preview.ts";
import { secretRoutes } from "../routes/secrets.ts";
import { siteClientRoutes } from "../routes/site-clients.ts";
import { eventRoutes } from "../routes/site-events.ts";
import { siteRoutes } from "../routes/sites.ts";
import { tokenRoutes } from "../routes/tokens.ts";
import { uploadRoutes } from "../routes/uploads.ts";

/** What people and their tools ask for, with an API token. */
export const TOKEN_ROUTES: readonly ApiRoutes[] = [
  siteRoutes,
  siteClientRoutes,
  machineRoutes,
  previewRoutes,
  orderRoutes,
  eventRoutes,
  documentRoutes,
  diffRoutes,
  documentBatchRoutes,
  imageApiRoutes,
  uploadRoutes,
  bootFileApiRoutes,
  secretRoutes,
  auditRoutes,
  tokenRoutes,
];

/** What is asked for without a token. */
export const PUBLIC_ROUTES: readonly ApiRoutes[] = [joinRoutes];

/** Every operation of the API. */
export const OPERATIONS: readonly Operation[] = [...TOKEN_ROUTES, ...PUBLIC_ROUTES].flatMap(
  ({ operations }) => operations,
);
