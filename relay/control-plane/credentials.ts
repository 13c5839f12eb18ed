import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

import { replaceFile } from "./atomic-file.ts";
import { ControlPlaneError } from "./errors.ts";

/** Who a relay is to its control plane. */
export type RelayCredentials = {
  /** Origin of the control plane that issued them. */
  readonly url: string;
  readonly siteId: string;
  readonly relayId: string;
  /** Sent as a bearer token; names its site. Never printed. */
  readonly credential: string;
};

const schema = z.object({
  url: z.string().min(1),
  siteId: z.string().min(1),
  relayId: z.string().min(1),
  credential: z.string().min(1),
});

function pathOf(stateDir: string): string {
  return join(stateDir, "credentials.json");
}

/**
 * Reads what `join` wrote; `undefined` where no relay has joined yet.
 *
 * @throws ControlPlaneError `credentials-unreadable`
 */
export async function readCredentials(stateDir: string): Promise<RelayCredentials | undefined> {
  const path = pathOf(stateDir);
  try {
    return schema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    const reason = error instanceof z.ZodError ? "it lacks something" : (error as Error).message;
    throw new ControlPlaneError(
      "credentials-unreadable",
      `${path} cannot be used (${reason}): run the relay as the user that joined, or move the file away and join again`,
      { cause: error },
    );
  }
}

/**
 * Writes credentials, mode 0600. Those of the same site are replaced: that is
 * how a relay whose credential was revoked joins again.
 *
 * @throws ControlPlaneError `credentials-of-another-site`, `state-dir-unusable`
 */
export async function writeCredentials(stateDir: string, credentials: RelayCredentials): Promise<void> {
  const held = await readCredentials(stateDir);
  if (held !== undefined && held.siteId !== credentials.siteId) {
    throw new ControlPlaneError(
      "credentials-of-another-site",
      `${pathOf(stateDir)} is of site ${held.siteId}, the token was of site ${credentials.siteId}: take another --state-dir, or move that file away and join with a new token`,
    );
  }
  try {
    await replaceFile(pathOf(stateDir), `${JSON.stringify(credentials, null, 2)}\n`);
  } catch (error) {
    throw unusable(stateDir, error);
  }
}

/**
 * Makes the state folder and shows that it can be written.
 *
 * @throws ControlPlaneError `state-dir-unusable`
 */
export async function prepareStateDir(stateDir: string): Promise<void> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const probe = join(stateDir, ".writable");
    await replaceFile(probe, "");
    await rm(probe);
  } catch (error) {
    throw unusable(stateDir, error);
  }
}

function unusable(stateDir: string, error: unknown): ControlPlaneError {
  return new ControlPlaneError(
    "state-dir-unusable",
    `the state folder ${stateDir} cannot be written (${(error as Error).message}): make it writable for this user, or name another one`,
    { cause: error },
  );
}
