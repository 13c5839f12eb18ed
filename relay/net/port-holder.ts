import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process that holds a UDP port. */
export type PortHolder = { readonly pid: number; readonly command: string };

/**
 * Finds the other processes that have a socket on a UDP port, as far as this
 * user may see them: another user's descriptors are hidden, and then the list
 * is empty. Reads all of /proc: for error messages only.
 */
export function findPortHolders(port: number): PortHolder[] {
  const inodes = socketInodes(port);
  if (inodes.size === 0) return [];
  const holders: PortHolder[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    if (holdsAny(entry, inodes)) holders.push({ pid: Number(entry), command: commandOf(entry) });
  }
  return holders;
}

/**
 * The inodes of IPv4 UDP sockets bound to a port, from /proc/net/udp:
 *
 *      sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode …
 *     421: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 …
 */
function socketInodes(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  for (const line of readFileSync("/proc/net/udp", "utf8").split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    const inode = fields[9];
    if (fields[1]?.endsWith(suffix) && inode !== undefined) inodes.add(inode);
  }
  return inodes;
}

function holdsAny(pid: string, inodes: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`;
  for (const fd of listOrNothing(folder)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOrNothing(`${folder}/${fd}`))?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}

/** A process may end, or belong to somebody else, while it is looked at: then it shows nothing. */
function listOrNothing(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOrNothing(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "a process that just ended";
  }
}
