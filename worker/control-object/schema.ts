/** See `migrate`: append only. */
export const CONTROL_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE sites (
    name TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL
  );

  CREATE TABLE heads (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    revision TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
  );
  CREATE TABLE revisions (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    revision TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (kind, name, revision)
  );

  CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    image TEXT NOT NULL,
    path TEXT NOT NULL,
    object TEXT NOT NULL,
    r2_upload_id TEXT NOT NULL,
    started_at INTEGER NOT NULL
  );
  CREATE TABLE files (
    sha256 TEXT PRIMARY KEY,
    document TEXT NOT NULL
  );
  `,
  // Who did what; API tokens, secrets, and a version of sites for their ETag.
  `
  ALTER TABLE sites ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE heads ADD COLUMN by_name TEXT NOT NULL DEFAULT '';
  ALTER TABLE revisions ADD COLUMN by_name TEXT NOT NULL DEFAULT '';

  CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    site_ids TEXT,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
  );

  CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    sealed TEXT NOT NULL,
    kid TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by_name TEXT NOT NULL
  );

  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    by_id TEXT NOT NULL,
    by_name TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
  );
  `,
  // Uploads can be resumed, and abandoned ones are found by their age.
  `
  CREATE TABLE upload_parts (
    upload_id TEXT NOT NULL,
    part INTEGER NOT NULL,
    etag TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (upload_id, part)
  );
  CREATE INDEX uploads_by_age ON uploads (started_at);
  `,
  // What revisions name, which sites use which profiles, and which of them have yet to be told.
  `
  CREATE TABLE revision_references (
    kind TEXT NOT NULL,
    revision TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (kind, revision)
  );
  CREATE TABLE site_profiles (
    site_id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (site_id, name)
  );
  CREATE INDEX site_profiles_by_name ON site_profiles (name);
  CREATE TABLE site_notices (
    site_id TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    failures INTEGER NOT NULL
  );
  CREATE TABLE notice_generation (value INTEGER NOT NULL);
  INSERT INTO notice_generation (value) VALUES (0);
  `,
];
