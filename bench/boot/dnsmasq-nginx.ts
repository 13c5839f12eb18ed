import { startReferenceBootServer } from "../../test/support/lab/reference-boot-server.ts";
import type { BootServer } from "./boot-server.ts";

const MARKER = "BENCH-EXECUTED";

/** The peer: what a careful administrator sets up by hand. Its script does nothing but say so. */
export const dnsmasqNginx: BootServer = {
  name: "dnsmasq + nginx",
  executed: new RegExp(MARKER),
  // The pause keeps the firmware from going on before the console was read.
  start: (lab, directory) =>
    startReferenceBootServer(lab, { directory, script: `#!ipxe\necho ${MARKER}\nsleep 30\nexit 1\n` }),
};
