import { formatMacHexhyp, type Mac } from "../addresses.ts";
import type { Machine, Variables } from "./model.ts";

/** What templates and kernel arguments may name, besides their variables. */
export type RenderView = Readonly<Record<string, unknown>>;

/**
 * The names a template sees: the merged variables (site < profile < machine <
 * order) at the top, and `machine`, `site`, `attempt` (of an install) and `urls`
 * beside them. `urls.host` and `urls.mirror` are of a relay.
 *
 * @param mac the MAC that the machine boots from
 * @param baseUrl where the machine reaches its relay, without a trailing slash
 */
export function createView(boot: {
  machine: Machine;
  mac: Mac;
  siteName: string;
  /** Of an install; a live boot has none. */
  attemptId: string | null;
  capability: string;
  baseUrl: string;
  variables: readonly Variables[];
}): RenderView {
  const { machine, mac, baseUrl, capability } = boot;
  // Booted straight from the control plane a machine is under a token's path, and has no relay's mirrors.
  const relay = new URL(baseUrl);
  return {
    ...Object.assign({}, ...boot.variables),
    machine: {
      id: machine.id,
      name: machine.name,
      mac,
      macHexhyp: formatMacHexhyp(mac),
      macBare: mac.replaceAll(":", ""),
      macs: machine.macs,
      uuid: machine.uuid,
      serial: machine.serial,
      address: machine.address,
    },
    site: { name: boot.siteName },
    ...(boot.attemptId !== null && { attempt: { id: boot.attemptId } }),
    urls: {
      base: baseUrl,
      ...(relay.pathname === "/" && { host: relay.host, mirror: `${baseUrl}/mirror/` }),
      answers: `${baseUrl}/a/${capability}/`,
      events: `${baseUrl}/e/${capability}/`,
    },
  };
}
