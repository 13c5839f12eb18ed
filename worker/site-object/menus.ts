/** The menu that a machine was shown last; every choice in it is at most one order. */

/** Notes that a machine is shown a menu; an earlier one orders nothing any more. */
export function putMenu(sql: SqlStorage, machineId: string, tokenHash: string): void {
  sql.exec(
    "INSERT OR REPLACE INTO menus (machine_id, token_hash, attempt_id) VALUES (?, ?, NULL)",
    machineId,
    tokenHash,
  );
}

/** Whether this is the menu that the machine was shown last, and it ordered nothing yet. */
export function isMenuFresh(sql: SqlStorage, machineId: string, tokenHash: string): boolean {
  return (
    sql
      .exec(
        "SELECT 1 FROM menus WHERE machine_id = ? AND token_hash = ? AND attempt_id IS NULL",
        machineId,
        tokenHash,
      )
      .toArray().length > 0
  );
}

/** Notes what a machine's menu ordered. */
export function noteMenuOrder(sql: SqlStorage, machineId: string, attemptId: string): void {
  sql.exec("UPDATE menus SET attempt_id = ? WHERE machine_id = ?", attemptId, machineId);
}
