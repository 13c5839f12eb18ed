import { join } from "node:path";
import type { Lab } from "./network.ts";
import { waitFor } from "./wait.ts";

/** A disk that a lab's LAN offers by iSCSI. */
export type IscsiTarget = { readonly stop: () => Promise<void> };

/**
 * Offers a disk image over iSCSI at the lab's LAN address, port 3260: to one
 * initiator, by CHAP. The target is Linux's user-space one (Debian's `tgt`).
 *
 * @throws when it does not come up
 */
export async function startIscsiTarget(
  lab: Lab,
  options: {
    readonly directory: string;
    /** The target's iSCSI qualified name. */
    readonly name: string;
    readonly disk: string;
    readonly initiator: string;
    readonly chap: { readonly username: string; readonly password: string };
  },
): Promise<IscsiTarget> {
  const { name, disk, initiator, chap } = options;
  // Its control socket's path ends in the port; the folder is this target's own.
  const socket = join(options.directory, "tgtd");
  const env = { ...process.env, TGT_IPC_SOCKET: socket };
  const daemon = await lab.spawn("tgtd", ["-f", "--iscsi", `portal=${lab.lanAddress}:3260`], { env });
  const administer = async (mode: string, ...args: string[]) =>
    await lab.exec("env", [`TGT_IPC_SOCKET=${socket}`, "tgtadm", "--lld", "iscsi", "--mode", mode, ...args]);
  const tid = ["--tid", "1"];
  await waitFor(
    async () =>
      await administer("system", "--op", "show").then(
        () => true,
        () => false,
      ),
    20_000,
    () => `tgtd does not answer:\n${daemon.output()}`,
  );
  await administer("target", "--op", "new", ...tid, "--targetname", name);
  await administer("logicalunit", "--op", "new", ...tid, "--lun", "1", "--backing-store", disk);
  await administer("target", "--op", "bind", ...tid, "--initiator-name", initiator);
  const { username, password } = chap;
  await administer("account", "--op", "new", "--user", username, "--password", password);
  await administer("account", "--op", "bind", ...tid, "--user", username);
  return { stop: async () => await daemon.stop() };
}
