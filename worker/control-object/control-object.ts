import { DurableObject } from "cloudflare:workers";
import type { KernelProfile, Profile } from "../../core/boot/model.ts";
import type { Actor, Caller, Role } from "../access.ts";
import { formatApiToken, mintCredential } from "../credentials.ts";
import { siteObject, type Env } from "../env.ts";
import { migrate } from "../migrate.ts";
import { type Precondition } from "../precondition.ts";
import { fail, ok, type FieldError, type Result } from "../problem.ts";
import type { RevisionKind } from "../revisions.ts";
import type { SiteSettings } from "../schemas/site.ts";
import { openSecrets, sealSecret } from "../secret-box.ts";
import type { StoredFile } from "../site-object/pinned.ts";
import { listAudit, recordAudit, type AuditDetail, type AuditEntry } from "./audit.ts";
import { checkProfile, resolveKernel, type KernelReferences } from "./check-profile.ts";
import { changeHeads, usersOf, type ChangedHeads, type HeadBatch } from "./head-batch.ts";
import {
  deleteHead,
  findHead,
  hasRevision,
  listHeads,
  listRevisions,
  moveHead,
  type Head,
  type HeadChange,
  type Revision,
} from "./heads.ts";
import { deliverNotices, nextNoticeAt, noticeFor, queueNotices, type ProfileNotice } from "./notices.ts";
import { resolveProfiles, type Dependency } from "./profile-pins.ts";
import { putReferences, usesOf, type ProfileUse } from "./references.ts";
import { CONTROL_MIGRATIONS } from "./schema.ts";
import { discardUpload } from "../upload-bytes.ts";
import { wholly } from "../wholly.ts";
import {
  deleteSecret,
  findSecret,
  listSecrets,
  putSecret,
  resealSecret,
  sealedSecrets,
  type SecretInfo,
} from "./secrets.ts";
import { setProfilesOfSite, sitesDependingOn, sitesUsing } from "./site-profiles.ts";
import { deleteSite, findSite, listSites, noSite, putSite, type Site, type Tagged } from "./sites.ts";
import { addToken, deleteToken, findCaller, findToken, listTokens, type TokenInfo } from "./tokens.ts";
import {
  abandonedUploads,
  beginUpload,
  endUpload,
  filesByHash,
  findUpload,
  listParts,
  listUploads,
  nextAbandonment,
  notePart,
  type Upload,
  type UploadPart,
} from "./uploads.ts";

/** One page of a list. */
type Page = { readonly after: string; readonly limit: number };

/**
 * What is strongly consistent and not on the boot path: sites, the heads of
 * names, API tokens, secrets, uploads and the audit log. One object for the
 * whole fleet; each method is one transaction.
 */
export class ControlObject extends DurableObject<Env> {
  private readonly sql: SqlStorage;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.sql = context.storage.sql;
    migrate(context.storage, CONTROL_MIGRATIONS);
  }

  // --- Sites ---------------------------------------------------------------

  putSite(
    name: string,
    settings: SiteSettings,
    precondition: Precondition,
    { dryRun = false }: { dryRun?: boolean } = {},
  ): Result<Tagged<Site> & { created: boolean }> {
    return putSite(this.sql, name, settings, { precondition, dryRun, now: Date.now() });
  }

  getSite(name: string): Result<Tagged<Site>> {
    const site = findSite(this.sql, name);
    return site === null ? noSite(name) : ok(site);
  }

  listSites(page: Page & { ids: readonly string[] | null }): Site[] {
    return listSites(this.sql, page);
  }

  deleteSite(id: string): void {
    deleteSite(this.sql, id);
  }

  // --- Names and revisions ---------------------------------------------------

  /** Lets a name stand for a revision, which must be in KV already. */
  moveHead(
    kind: RevisionKind,
    name: string,
    revision: string,
    change: HeadChange,
  ): Result<{ created: boolean; moved: boolean }> {
    return this.transaction(() => {
      const result = moveHead(this.sql, { kind, name, revision }, change, Date.now());
      if (!result.ok) return result;
      putReferences(this.sql, kind, revision, change.references);
      if (result.value.moved) this.tellSites({ kind, name });
      return result;
    });
  }

  head(kind: RevisionKind, name: string): Head | null {
    return findHead(this.sql, kind, name);
  }

  /** The present revisions of all that a kernel's profile names, at one instant. */
  resolveKernel(profile: KernelProfile): Result<KernelReferences> {
    return resolveKernel(this.sql, profile);
  }

  /** Whatever a profile names that there is not, or that cannot be used so. */
  checkProfile(profile: Profile): FieldError[] {
    return checkProfile(this.sql, profile);
  }

  /** Moves and deletes several heads, all of them or none; revisions must be in KV already. */
  changeHeads(batch: HeadBatch): Result<ChangedHeads> {
    const change = () => {
      const result = changeHeads(this.sql, batch, Date.now());
      if (!result.ok) return result;
      for (const [i, { outcome }] of result.value.put.entries()) {
        const { kind, name } = batch.put[i]!;
        if (outcome !== "unchanged") this.tellSites({ kind, name });
      }
      return result;
    };
    return wholly((body) => this.transaction(body), change, batch);
  }

  listHeads(kind: RevisionKind, page: Page): Head[] {
    return listHeads(this.sql, kind, page.after, page.limit);
  }

  listRevisions(kind: RevisionKind, name: string, page: Page): Revision[] {
    return listRevisions(this.sql, kind, name, page.after, page.limit);
  }

  hasRevision(kind: RevisionKind, name: string, revision: string): boolean {
    return hasRevision(this.sql, kind, name, revision);
  }

  /** Takes a name away, unless a profile or a site uses it. */
  deleteHead(kind: RevisionKind, name: string, precondition: Precondition): Result<null> {
    return this.transaction(() => {
      const users = usersOf(this.sql, { kind, name });
      return deleteHead(this.sql, kind, name, precondition, users);
    });
  }

  /** What the named profiles do; names without one are left out. */
  profileModes(names: string[]): Record<string, Profile["mode"]> {
    const pins = resolveProfiles(this.sql, names);
    return Object.fromEntries(names.flatMap((name) => (pins[name] ? [[name, pins[name].mode]] : [])));
  }

  /** The profiles that a change of the name changes, and the sites where they are booted. */
  usesOf(
    kind: "profile" | "template",
    name: string,
  ): { uses: ProfileUse[]; sites: { id: string; name: string }[] } {
    const uses = usesOf(this.sql, kind, name);
    return { uses, sites: sitesUsing(this.sql, [...new Set(uses.flatMap(({ via }) => via))]) };
  }

  // --- Profiles that sites use -------------------------------------------------

  /** Takes the profiles that a site's machines and its default name, and says what they stand for. */
  useProfiles(siteId: string, names: string[]): ProfileNotice {
    return this.transaction(() => {
      setProfilesOfSite(this.sql, siteId, names);
      return noticeFor(this.sql, siteId, Date.now());
    });
  }

  /** Sees that every site that depends on a name hears of its change. */
  private tellSites(changed: Dependency): void {
    queueNotices(this.sql, sitesDependingOn(this.sql, changed), Date.now());
  }

  // --- API tokens --------------------------------------------------------------

  async createToken(order: {
    name: string;
    role: Role;
    sites: readonly string[] | null;
    expiresAt: number | null;
    by: Actor;
  }): Promise<Result<TokenInfo & { token: string }>> {
    const { id, secret, secretHash } = await mintCredential();
    const siteIds = order.sites?.map((name) => findSite(this.sql, name)?.document.id) ?? null;
    const errors = (siteIds ?? []).flatMap((siteId, i) =>
      siteId === undefined
        ? [{ field: `sites[${i}]`, message: `there is no site "${order.sites![i]}"` }]
        : [],
    );
    if (errors.length > 0) return fail("invalid", errors.map(({ message }) => message).join("; "), errors);
    addToken(
      this.sql,
      {
        id,
        secretHash,
        name: order.name,
        role: order.role,
        siteIds: siteIds as string[] | null,
        createdBy: order.by.name,
        expiresAt: order.expiresAt,
      },
      Date.now(),
    );
    return ok({ ...findToken(this.sql, id)!, token: formatApiToken(id, secret) });
  }

  /** Whose token it is; `null` where it is unknown, deleted or expired. */
  findCaller(token: { id: string; secretHash: string }): Caller | null {
    return findCaller(this.sql, token, Date.now());
  }

  getToken(id: string): Result<TokenInfo> {
    const token = findToken(this.sql, id);
    return token === null ? fail("not-found", `no token "${id}"`) : ok(token);
  }

  listTokens(page: Page): TokenInfo[] {
    return listTokens(this.sql, page.after, page.limit);
  }

  deleteToken(id: string): Result<null> {
    return deleteToken(this.sql, id) ? ok(null) : fail("not-found", `no token "${id}"`);
  }

  // --- Secrets -----------------------------------------------------------------

  async putSecret(
    name: string,
    value: string,
    by: Actor,
    precondition: Precondition,
  ): Promise<Result<{ info: SecretInfo; etag: string; created: boolean }>> {
    const sealed = await sealSecret(this.env.SECRET_KEYS, name, value);
    return this.transaction(() => {
      const result = putSecret(this.sql, { ...sealed, name, by: by.name }, precondition, Date.now());
      if (result.ok) this.tellSites({ kind: "secret", name });
      return result;
    });
  }

  getSecret(name: string): Result<{ info: SecretInfo; etag: string }> {
    const secret = findSecret(this.sql, name);
    return secret === null ? fail("not-found", `no secret "${name}"`) : ok(secret);
  }

  listSecrets(page: Page): SecretInfo[] {
    return listSecrets(this.sql, page.after, page.limit);
  }

  deleteSecret(name: string, precondition: Precondition): Result<null> {
    return this.transaction(() => {
      const result = deleteSecret(this.sql, name, precondition);
      if (result.ok) this.tellSites({ kind: "secret", name });
      return result;
    });
  }

  /** The encrypted values that an order takes along; each is a read, and audited as one. */
  takeSecrets(names: string[], by: Actor, detail: AuditDetail): Record<string, string> {
    const found = sealedSecrets(this.sql, names);
    for (const name of Object.keys(found)) {
      recordAudit(this.sql, { by, action: "READ", target: `/secrets/${name}`, detail }, Date.now());
    }
    return found;
  }

  /** Those of the names that there are secrets of. Reads none of them. */
  existingSecrets(names: string[]): string[] {
    return Object.keys(sealedSecrets(this.sql, names));
  }

  /** Encrypts every secret with the first key. Idempotent: one that has it already is left alone. */
  async rotateSecrets(): Promise<Result<{ total: number; resealed: number }>> {
    const names = listSecrets(this.sql, "", -1).map(({ name }) => name);
    let resealed = 0;
    for (const [name, before] of Object.entries(sealedSecrets(this.sql, names))) {
      const opened = await openSecrets(this.env.SECRET_KEYS, { [name]: before });
      if (!opened.ok) return opened;
      const after = await sealSecret(this.env.SECRET_KEYS, name, opened.value[name]!);
      if (before.startsWith(`${after.kid}.`)) continue;
      const done = this.transaction(() => {
        const changed = resealSecret(this.sql, name, before, after);
        if (changed) this.tellSites({ kind: "secret", name });
        return changed;
      });
      if (done) resealed += 1;
    }
    return ok({ total: names.length, resealed });
  }

  // --- The audit log -------------------------------------------------------------

  recordAudit(entry: { by: Actor; action: string; target: string; detail?: AuditDetail }): void {
    recordAudit(this.sql, entry, Date.now());
  }

  listAudit(after: number, limit: number): AuditEntry[] {
    return listAudit(this.sql, after, limit);
  }

  // --- Files of images ---------------------------------------------------------

  beginUpload(upload: Upload): void {
    this.transaction(() => beginUpload(this.sql, upload, Date.now()));
  }

  listUploads(image: string, path: string): { uploadId: string; startedAt: string }[] {
    return listUploads(this.sql, image, path);
  }

  noteUploadPart(id: string, part: UploadPart): void {
    notePart(this.sql, id, part);
  }

  listUploadParts(id: string): UploadPart[] {
    return listParts(this.sql, id);
  }

  getUpload(id: string, image: string, path: string): Result<Upload> {
    return findUpload(this.sql, id, image, path);
  }

  endUpload(id: string, file: StoredFile | null): StoredFile | null {
    return endUpload(this.sql, id, file);
  }

  filesByHash(hashes: string[]): Record<string, StoredFile> {
    return filesByHash(this.sql, hashes);
  }

  // --- Time ----------------------------------------------------------------------

  /**
   * Tells sites what their profiles stand for, and removes what abandoned
   * uploads left. Idempotent: what fails is still due, or found again by its age.
   */
  override async alarm(): Promise<void> {
    const now = Date.now();
    await deliverNotices(this.sql, now, async (siteId, notice) => {
      await siteObject(this.env, siteId).takeProfiles(notice);
    });
    for (const upload of abandonedUploads(this.sql, now)) {
      await discardUpload(this.env.IMAGES, upload);
      endUpload(this.sql, upload.id, null);
    }
    this.scheduleAlarm();
  }

  private transaction<T>(body: () => T): T {
    const result = this.ctx.storage.transactionSync(body);
    this.scheduleAlarm();
    return result;
  }

  private scheduleAlarm(): void {
    const at = Math.min(nextAbandonment(this.sql) ?? Infinity, nextNoticeAt(this.sql) ?? Infinity);
    // Durable with the writes before it; a failure resets the object.
    if (at !== Infinity) void this.ctx.storage.setAlarm(at);
  }
}
