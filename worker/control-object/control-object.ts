import { DurableObject } from "cloudflare:workers";
import { mintId } from "../credentials.ts";
import type { Env } from "../env.ts";
import { migrate } from "../migrate.ts";
import { fail, ok, type Result } from "../problem.ts";
import type { RevisionKind } from "../revisions.ts";
import type { SiteSettings } from "../schemas.ts";
import type { ImageFile } from "../site-object/pinned.ts";
import { CONTROL_MIGRATIONS } from "./schema.ts";

/** A site's document. `id` is immutable and what everything else refers to. */
export type Site = { readonly id: string; readonly name: string } & SiteSettings;

/** What a name stands for now. */
export type Head = { readonly name: string; readonly revision: string; readonly updatedAt: string };

/** An upload that has begun and is not complete. */
export type Upload = {
  readonly id: string;
  readonly image: string;
  readonly path: string;
  /** Key of the R2 object. */
  readonly object: string;
  readonly r2UploadId: string;
};

type HeadRow = { name: string; revision: string; at: number };

/**
 * What is strongly consistent and not on the boot path: sites, the heads of
 * names, uploads. One object for the whole fleet.
 */
export class ControlObject extends DurableObject<Env> {
  private readonly sql: SqlStorage;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.sql = context.storage.sql;
    migrate(context.storage, CONTROL_MIGRATIONS);
  }

  // --- Sites ---------------------------------------------------------------

  createSite(name: string, settings: SiteSettings): Result<Site> {
    if (this.findSite(name) !== null) {
      return fail("conflict", `there is a site "${name}" already`, [{ field: "name", message: "is taken" }]);
    }
    return ok(this.writeSite({ ...settings, id: mintId(), name }));
  }

  /** Creates or replaces; a site keeps its id. */
  putSite(name: string, settings: SiteSettings): { site: Site; created: boolean } {
    const existing = this.findSite(name);
    const site = this.writeSite({ ...settings, id: existing?.id ?? mintId(), name });
    return { site, created: existing === null };
  }

  getSite(name: string): Result<Site> {
    const site = this.findSite(name);
    return site === null ? fail("not-found", `no site "${name}"`) : ok(site);
  }

  listSites(): Site[] {
    return this.sql
      .exec<{ document: string }>("SELECT document FROM sites ORDER BY name")
      .toArray()
      .map((row) => JSON.parse(row.document) as Site);
  }

  // --- Names and revisions ---------------------------------------------------

  /** Lets a name stand for a revision, which must be in KV already. */
  moveHead(kind: RevisionKind, name: string, revision: string): { created: boolean } {
    const now = Date.now();
    const created = this.head(kind, name) === null;
    this.sql.exec(
      "INSERT OR REPLACE INTO heads (kind, name, revision, at) VALUES (?, ?, ?, ?)",
      kind,
      name,
      revision,
      now,
    );
    this.sql.exec(
      "INSERT OR IGNORE INTO revisions (kind, name, revision, at) VALUES (?, ?, ?, ?)",
      kind,
      name,
      revision,
      now,
    );
    return { created };
  }

  head(kind: RevisionKind, name: string): Head | null {
    const row = this.sql
      .exec<HeadRow>("SELECT name, revision, at FROM heads WHERE kind = ? AND name = ?", kind, name)
      .toArray()[0];
    return row === undefined ? null : toHead(row);
  }

  /** The heads of several names at one instant; names without one are left out. */
  headsOf(kind: RevisionKind, names: string[]): Record<string, string> {
    const found: Record<string, string> = {};
    for (const name of names) {
      const head = this.head(kind, name);
      if (head !== null) found[name] = head.revision;
    }
    return found;
  }

  listHeads(kind: RevisionKind): Head[] {
    return this.sql
      .exec<HeadRow>("SELECT name, revision, at FROM heads WHERE kind = ? ORDER BY name", kind)
      .toArray()
      .map(toHead);
  }

  /** Every revision that a name ever stood for, newest first. */
  listRevisions(kind: RevisionKind, name: string): Head[] {
    return this.sql
      .exec<HeadRow>(
        "SELECT name, revision, at FROM revisions WHERE kind = ? AND name = ? ORDER BY at DESC",
        kind,
        name,
      )
      .toArray()
      .map(toHead);
  }

  /** Takes a name away. Its revisions stay: armed machines may hold them. */
  deleteHead(kind: RevisionKind, name: string): boolean {
    return this.sql.exec("DELETE FROM heads WHERE kind = ? AND name = ?", kind, name).rowsWritten > 0;
  }

  // --- Files of images ---------------------------------------------------------

  beginUpload(upload: Upload): void {
    this.sql.exec(
      "INSERT INTO uploads (id, image, path, object, r2_upload_id, started_at) VALUES (?, ?, ?, ?, ?, ?)",
      upload.id,
      upload.image,
      upload.path,
      upload.object,
      upload.r2UploadId,
      Date.now(),
    );
  }

  getUpload(id: string, image: string, path: string): Result<Upload> {
    const row = this.sql
      .exec<{ object: string; r2_upload_id: string }>(
        "SELECT object, r2_upload_id FROM uploads WHERE id = ? AND image = ? AND path = ?",
        id,
        image,
        path,
      )
      .toArray()[0];
    if (row === undefined) return fail("not-found", `no upload "${id}" of ${image}/${path} is under way`);
    return ok({ id, image, path, object: row.object, r2UploadId: row.r2_upload_id });
  }

  /** Ends an upload. `file` is `null` where its bytes were not what was announced. */
  endUpload(id: string, file: ImageFile | null): void {
    this.sql.exec("DELETE FROM uploads WHERE id = ?", id);
    if (file === null) return;
    this.sql.exec(
      "INSERT OR REPLACE INTO files (sha256, document) VALUES (?, ?)",
      file.sha256,
      JSON.stringify(file),
    );
  }

  /** Uploaded and verified files by their hash; unknown hashes are left out. */
  filesByHash(hashes: string[]): Record<string, ImageFile> {
    const found: Record<string, ImageFile> = {};
    for (const hash of hashes) {
      const row = this.sql
        .exec<{ document: string }>("SELECT document FROM files WHERE sha256 = ?", hash)
        .toArray()[0];
      if (row !== undefined) found[hash] = JSON.parse(row.document) as ImageFile;
    }
    return found;
  }

  private findSite(name: string): Site | null {
    const row = this.sql
      .exec<{ document: string }>("SELECT document FROM sites WHERE name = ?", name)
      .toArray()[0];
    return row === undefined ? null : (JSON.parse(row.document) as Site);
  }

  private writeSite(site: Site): Site {
    this.sql.exec(
      `INSERT INTO sites (name, id, document, created_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET document = excluded.document`,
      site.name,
      site.id,
      JSON.stringify(site),
      Date.now(),
    );
    return site;
  }
}

function toHead(row: HeadRow): Head {
  return { name: row.name, revision: row.revision, updatedAt: new Date(row.at).toISOString() };
}
