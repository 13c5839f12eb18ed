import { open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Replaces a file so that a crash or a power cut leaves the old text or the
 * new one, never half of either. The file is readable by its owner only: what
 * a relay keeps holds keys. Where root writes it, that is the folder's owner:
 * a service's user must be able to read what root joined for it.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  try {
    // A draft left by a crash may have any mode: it goes first.
    await rm(draft, { force: true });
    const file = await open(draft, "wx", 0o600);
    try {
      if (process.getuid?.() === 0) {
        const { uid, gid } = await stat(dirname(path));
        await file.chown(uid, gid);
      }
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  // The rename itself lives in the folder.
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
