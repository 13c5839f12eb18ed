import * as z from "zod";
import {
  armSchema,
  bootTokenSchema,
  completeUploadSchema,
  imageSchema,
  joinSchema,
  machineBatchSchema,
  machineSchema,
  profileSchema,
  rollbackSchema,
  secretSchema,
  siteArmSchema,
  siteSchema,
  siteUpdateSchema,
  templateSchema,
  tokenSchema,
} from "./schemas.ts";

/** What a route of the API takes and gives, as its OpenAPI document tells. */
export type Operation = {
  readonly method: "get" | "put" | "post" | "patch" | "delete";
  /** Below `/api/v1`, with parameters as `{name}`. */
  readonly path: string;
  readonly summary: string;
  /** The very schema that the route checks its body by. */
  readonly body?: z.ZodType;
  /** `file`: bytes instead of JSON. */
  readonly upload?: boolean;
  /** Names of optional query parameters. */
  readonly query?: readonly string[];
  readonly status: 200 | 201 | 204;
};

const PAGE = ["after", "limit"] as const;
const SITE = "/sites/{site}";
const MACHINE = `${SITE}/machines/{id}`;
const FILE = "/images/{name}/files/{path}";

const documentOperations = (plural: string, one: string, body: z.ZodType): Operation[] => [
  { method: "get", path: `/${plural}`, summary: `List ${plural}`, query: PAGE, status: 200 },
  { method: "get", path: `/${plural}/{name}`, summary: `A ${one} as it is now`, status: 200 },
  { method: "put", path: `/${plural}/{name}`, summary: `Make a revision of a ${one}`, body, status: 200 },
  { method: "delete", path: `/${plural}/{name}`, summary: `Take a ${one}'s name away`, status: 204 },
  {
    method: "get",
    path: `/${plural}/{name}/revisions`,
    summary: `Every revision of a ${one}, newest first`,
    query: PAGE,
    status: 200,
  },
  {
    method: "post",
    path: `/${plural}/{name}/rollback`,
    summary: `Let a ${one}'s name stand for an earlier revision`,
    body: rollbackSchema,
    status: 200,
  },
];

/** Every route of the API. */
export const OPERATIONS: readonly Operation[] = [
  { method: "post", path: "/tokens", summary: "Make an API token", body: tokenSchema, status: 201 },
  { method: "get", path: "/tokens", summary: "List API tokens", query: PAGE, status: 200 },
  { method: "get", path: "/tokens/{id}", summary: "An API token, without the token itself", status: 200 },
  { method: "delete", path: "/tokens/{id}", summary: "Revoke an API token", status: 204 },
  { method: "get", path: "/audit", summary: "Who changed what, when", query: PAGE, status: 200 },
  { method: "post", path: "/keys/rotate", summary: "Encrypt all secrets anew", status: 200 },

  { method: "get", path: "/secrets", summary: "List the names of secrets", query: PAGE, status: 200 },
  { method: "get", path: "/secrets/{name}", summary: "A secret, without its value", status: 200 },
  { method: "put", path: "/secrets/{name}", summary: "Set a secret", body: secretSchema, status: 200 },
  { method: "delete", path: "/secrets/{name}", summary: "Delete a secret", status: 204 },

  ...documentOperations("profiles", "profile", profileSchema),
  ...documentOperations("templates", "template", templateSchema),
  ...documentOperations("images", "image", imageSchema),
  {
    method: "post",
    path: FILE,
    summary: "Begin an upload (?uploads) or complete it (?uploadId=)",
    body: completeUploadSchema.optional(),
    query: ["uploads", "uploadId"],
    status: 201,
  },
  { method: "get", path: FILE, summary: "How far an upload has come", query: ["uploadId"], status: 200 },
  {
    method: "put",
    path: FILE,
    summary: "One part of an upload",
    upload: true,
    query: ["uploadId", "part"],
    status: 200,
  },
  { method: "delete", path: FILE, summary: "Give an upload up", query: ["uploadId"], status: 204 },
  { method: "get", path: "/boot-files", summary: "List boot files", status: 200 },
  { method: "put", path: "/boot-files/{name}", summary: "Put a boot file", upload: true, status: 200 },
  { method: "delete", path: "/boot-files/{name}", summary: "Delete a boot file", status: 204 },

  { method: "get", path: "/sites", summary: "List sites", query: PAGE, status: 200 },
  { method: "post", path: "/sites", summary: "Create a site", body: siteSchema, status: 201 },
  { method: "get", path: SITE, summary: "A site", status: 200 },
  { method: "put", path: SITE, summary: "Create or replace a site", body: siteUpdateSchema, status: 200 },
  { method: "delete", path: SITE, summary: "Delete a site that has no machines", status: 204 },
  { method: "post", path: `${SITE}/join-tokens`, summary: "Make a token that joins one relay", status: 201 },
  { method: "get", path: `${SITE}/relays`, summary: "List a site's relays", query: PAGE, status: 200 },
  { method: "delete", path: `${SITE}/relays/{id}`, summary: "Revoke a relay", status: 204 },
  {
    method: "post",
    path: `${SITE}/boot-tokens`,
    summary: "Make a token for machines without a relay",
    body: bootTokenSchema,
    status: 201,
  },
  { method: "get", path: `${SITE}/boot-tokens`, summary: "List boot tokens", query: PAGE, status: 200 },
  { method: "delete", path: `${SITE}/boot-tokens/{id}`, summary: "Revoke a boot token", status: 204 },
  { method: "get", path: `${SITE}/events`, summary: "What happened at a site", query: PAGE, status: 200 },
  { method: "get", path: `${SITE}/discovered`, summary: "Unknown machines", query: PAGE, status: 200 },
  {
    method: "post",
    path: `${SITE}/arm`,
    summary: "Order installs of several machines, all or none",
    body: siteArmSchema,
    status: 201,
  },

  {
    method: "get",
    path: `${SITE}/machines`,
    summary: "List machines",
    query: [...PAGE, "selector", "q"],
    status: 200,
  },
  {
    method: "post",
    path: `${SITE}/machines:batch`,
    summary: "Put and delete machines, all or none",
    body: machineBatchSchema,
    status: 200,
  },
  { method: "get", path: MACHINE, summary: "A machine", status: 200 },
  { method: "put", path: MACHINE, summary: "Create or replace a machine", body: machineSchema, status: 200 },
  {
    method: "patch",
    path: MACHINE,
    summary: "Merge a patch into a machine (RFC 7396)",
    body: z.record(z.string(), z.unknown()),
    status: 200,
  },
  { method: "delete", path: MACHINE, summary: "Delete a machine", status: 204 },
  { method: "post", path: `${MACHINE}/arm`, summary: "Order an install", body: armSchema, status: 201 },
  { method: "post", path: `${MACHINE}/disarm`, summary: "Withdraw an order", status: 200 },
  { method: "get", path: `${MACHINE}/attempts`, summary: "Attempts, newest first", query: PAGE, status: 200 },
  {
    method: "get",
    path: `${MACHINE}/timeline`,
    summary: "What happened to a machine",
    query: PAGE,
    status: 200,
  },
  {
    method: "get",
    path: `${MACHINE}/preview`,
    summary: "What a machine would be served, secrets masked",
    query: ["profile"],
    status: 200,
  },
  {
    method: "post",
    path: "/relays/join",
    summary: "Join a relay by its token",
    body: joinSchema,
    status: 201,
  },
];
