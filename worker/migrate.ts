/**
 * Brings an object's SQLite schema to the newest version. `migrations[n]` leads
 * from version n to n + 1; released ones are never edited, only added to.
 */
export function migrate(storage: DurableObjectStorage, migrations: readonly string[]): void {
  storage.transactionSync(() => {
    storage.sql.exec("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)");
    const row = storage.sql.exec<{ version: number }>("SELECT version FROM schema_version").toArray()[0];
    const version = row?.version ?? 0;
    for (const migration of migrations.slice(version)) storage.sql.exec(migration);
    storage.sql.exec("DELETE FROM schema_version");
    storage.sql.exec("INSERT INTO schema_version (version) VALUES (?)", migrations.length);
  });
}
