import { existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { startSite } from "../../test/e2e/site.ts";
import { FETCHED_IPXE, INSTALLED_IPXE } from "../../test/support/lab/reference-boot-server.ts";
import type { BootServer } from "./boot-server.ts";

/**
 * Ours: relay and Worker. The machine is not known to them, so the script that
 * counts is the second one it loads, the Worker's decision.
 */
export const pxedge: BootServer = {
  name: "pxedge",
  executed: /pxedge: booting the local disk/,
  start: (lab, directory) => {
    mkdirSync(directory, { recursive: true });
    // A site of its own each time: a relay's credentials are of one control plane.
    return startSite(lab, {
      directory: mkdtempSync(join(directory, "site-")),
      tftpRoot: existsSync(FETCHED_IPXE) ? FETCHED_IPXE : INSTALLED_IPXE,
    });
  },
};
