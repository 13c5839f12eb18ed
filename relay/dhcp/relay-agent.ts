import type { Ipv4 } from "../../core/addresses.ts";
import { formatHex } from "../../core/bytes.ts";
import {
  bytesOption,
  decodeSubOptions,
  type DhcpOption,
  type DhcpPacket,
  getIpv4,
  getOption,
  OPTION,
} from "../../core/dhcp-packet/index.ts";
import { NO_ADDRESS } from "./subnet.ts";

/** Sub-options of 82 (RFC 3046, 3527, 5107). */
const SUB_OPTION = {
  CIRCUIT_ID: 1,
  REMOTE_ID: 2,
  LINK_SELECTION: 5,
  SERVER_IDENTIFIER_OVERRIDE: 11,
} as const;

/** The relay agent that a packet came through, and what it says of the client's place. */
export type RelayAgent = {
  /** Where replies go to. */
  readonly giaddr: Ipv4;
  /** An address of the client's network: the link selection, else giaddr. */
  readonly link: Ipv4;
  /** What the client knows as its server, if the agent says so. */
  readonly serverIdentifier: Ipv4 | null;
  /** The port of a switch that the client hangs on; `null` if the agent does not say. */
  readonly port: string | null;
  /** Option 82 as it came, to go back. */
  readonly information: DhcpOption | null;
};

/** Reads giaddr and option 82; `undefined` for what came without an agent, whose 82 means nothing. */
export function readRelayAgent(packet: DhcpPacket): RelayAgent | undefined {
  const { giaddr } = packet;
  if (giaddr === NO_ADDRESS) return undefined;
  const data = getOption(packet, OPTION.RELAY_AGENT_INFORMATION);
  if (data === undefined) {
    return { giaddr, link: giaddr, serverIdentifier: null, port: null, information: null };
  }
  const holder = { options: decodeSubOptions(data) ?? [] };
  const ids = [SUB_OPTION.CIRCUIT_ID, SUB_OPTION.REMOTE_ID].map((code) => getOption(holder, code));
  return {
    giaddr,
    link: getIpv4(holder, SUB_OPTION.LINK_SELECTION) ?? giaddr,
    serverIdentifier: getIpv4(holder, SUB_OPTION.SERVER_IDENTIFIER_OVERRIDE) ?? null,
    port: ids.some((id) => id !== undefined)
      ? [giaddr, ...ids.map((id) => (id === undefined ? "" : formatHex(id)))].join(" ")
      : null,
    information: bytesOption(OPTION.RELAY_AGENT_INFORMATION, data),
  };
}
