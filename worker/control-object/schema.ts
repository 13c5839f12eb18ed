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
];
