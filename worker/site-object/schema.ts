/** See `migrate`: append only. Documents are JSON; what is searched has a column. */
export const SITE_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

  CREATE TABLE machines (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    address TEXT UNIQUE,
    document TEXT NOT NULL,
    revision INTEGER NOT NULL
  );
  CREATE INDEX machines_by_revision ON machines (revision);
  CREATE TABLE machine_macs (mac TEXT PRIMARY KEY, machine_id TEXT NOT NULL);
  CREATE INDEX macs_by_machine ON machine_macs (machine_id);
  CREATE TABLE removed_machines (id TEXT PRIMARY KEY, revision INTEGER NOT NULL);

  CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    machine_id TEXT NOT NULL,
    armed_at INTEGER NOT NULL,
    active INTEGER NOT NULL,
    deadline INTEGER,
    document TEXT NOT NULL,
    pinned TEXT NOT NULL
  );
  CREATE INDEX attempts_by_machine ON attempts (machine_id, armed_at);
  CREATE UNIQUE INDEX one_active_attempt ON attempts (machine_id) WHERE active = 1;
  CREATE INDEX attempts_by_deadline ON attempts (deadline) WHERE deadline IS NOT NULL;
  CREATE TABLE idempotency (key TEXT PRIMARY KEY, attempt_id TEXT NOT NULL, at INTEGER NOT NULL);

  CREATE TABLE capabilities (secret_hash TEXT PRIMARY KEY, attempt_id TEXT NOT NULL);
  CREATE INDEX capabilities_by_attempt ON capabilities (attempt_id);
  CREATE TABLE answers_served (
    attempt_id TEXT NOT NULL,
    install INTEGER NOT NULL,
    file TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (attempt_id, install, file)
  );

  CREATE TABLE relays (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    last_seen_at INTEGER
  );
  CREATE TABLE join_tokens (id TEXT PRIMARY KEY, secret_hash TEXT NOT NULL, expires_at INTEGER NOT NULL);

  CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    mac TEXT,
    machine_id TEXT,
    attempt TEXT,
    relay TEXT,
    stage TEXT NOT NULL,
    name TEXT NOT NULL,
    detail TEXT NOT NULL
  );
  CREATE INDEX events_by_machine ON events (machine_id, seq);
  CREATE INDEX events_by_age ON events (received_at);
  `,
  // Machines without a relay: no one observed their MAC, so a capability keeps the one they claimed.
  `
  CREATE TABLE boot_tokens (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
  );
  ALTER TABLE capabilities ADD COLUMN claimed_mac TEXT;
  `,
  // Who was there without being known; how many were armed lately.
  `
  CREATE TABLE discovered (
    mac TEXT PRIMARY KEY,
    ip TEXT,
    uuid TEXT,
    serial TEXT,
    arch TEXT,
    platform TEXT,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
  );
  CREATE INDEX attempts_by_time ON attempts (armed_at);
  `,
  // An Idempotency-Key belongs to one order; a capability to the way it was handed out.
  `
  ALTER TABLE idempotency ADD COLUMN fingerprint TEXT;
  ALTER TABLE capabilities ADD COLUMN direct INTEGER NOT NULL DEFAULT 0;
  `,
  // What attempts hold is shared by those that hold the same. Older ones keep theirs, under their own id.
  `
  CREATE TABLE pins (hash TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
  INSERT INTO pins (hash, document) SELECT id, pinned FROM attempts WHERE active = 1;
  ALTER TABLE attempts ADD COLUMN pin TEXT NOT NULL DEFAULT '';
  UPDATE attempts SET pin = id;
  ALTER TABLE attempts DROP COLUMN pinned;
  `,
  // An index is a row more to write. seq grows without AUTOINCREMENT, as the newest event is never deleted;
  // only relays send an event twice; age follows seq.
  `
  CREATE TABLE newer_events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    at TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    mac TEXT,
    machine_id TEXT,
    attempt TEXT,
    relay TEXT,
    stage TEXT NOT NULL,
    name TEXT NOT NULL,
    detail TEXT NOT NULL
  );
  INSERT INTO newer_events SELECT * FROM events ORDER BY seq;
  DROP TABLE events;
  ALTER TABLE newer_events RENAME TO events;
  CREATE INDEX events_by_machine ON events (machine_id, seq) WHERE machine_id IS NOT NULL;
  CREATE UNIQUE INDEX reported_events ON events (id) WHERE relay IS NOT NULL;
  `,
  // What machines boot while nothing is armed: the profiles in use, menus shown, boots into memory; and what a
  // machine boots after a failure, for which its attempt keeps its pins.
  `
  ALTER TABLE machines ADD COLUMN profile TEXT;
  UPDATE machines SET profile = json_extract(document, '$.profile');
  CREATE INDEX machines_by_profile ON machines (profile);
  CREATE TABLE profiles (name TEXT PRIMARY KEY, pins TEXT NOT NULL);
  CREATE TABLE profile_sync (due_at INTEGER, told TEXT NOT NULL, generation INTEGER NOT NULL);
  INSERT INTO profile_sync (due_at, told, generation) VALUES (0, '[]', 0);
  CREATE TABLE live_boots (
    machine_id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    direct INTEGER NOT NULL,
    claimed_mac TEXT,
    attempt_id TEXT,
    pin TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  );
  CREATE TABLE menus (machine_id TEXT PRIMARY KEY, token_hash TEXT NOT NULL, attempt_id TEXT);
  ALTER TABLE attempts ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX held_attempts ON attempts (pin) WHERE held = 1;
  `,
  // A machine's tag changes with its document, its revision also with what its profile's name stands for.
  `
  ALTER TABLE machines ADD COLUMN tag INTEGER NOT NULL DEFAULT 0;
  UPDATE machines SET tag = revision;
  `,
];
