import { macBytes, type Mac } from "../../../../core/addresses.ts";
import {
  bytesOption,
  type DhcpOption,
  type DhcpPacket,
  ipv4Option,
  MESSAGE_TYPE,
  OPTION,
  textOption,
  u16Option,
  u8Option,
} from "../../../../core/dhcp-packet/index.ts";

export type ClientMessage = {
  readonly mac?: Mac;
  readonly options?: readonly DhcpOption[];
  readonly fields?: Partial<DhcpPacket>;
};

export const MAC = "52:54:00:00:00:01";
export const OTHER_MAC = "52:54:00:00:00:02";

/** A client's message of a type, as a machine with no address sends it. */
export function message(
  type: number,
  { mac = MAC, options = [], fields = {} }: ClientMessage = {},
): DhcpPacket {
  return {
    op: 1,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 0x12345678,
    secs: 4,
    flags: 0,
    ciaddr: "0.0.0.0",
    yiaddr: "0.0.0.0",
    siaddr: "0.0.0.0",
    giaddr: "0.0.0.0",
    chaddr: macBytes(mac),
    sname: "",
    file: "",
    options: [u8Option(OPTION.MESSAGE_TYPE, type), ...options],
    ...fields,
  };
}

export function discover(parts?: ClientMessage): DhcpPacket {
  return message(MESSAGE_TYPE.DISCOVER, parts);
}

/** A REQUEST in the state SELECTING, or INIT-REBOOT without a server. */
export function request(address: string, server: string | null, parts: ClientMessage = {}): DhcpPacket {
  const selected = server === null ? [] : [ipv4Option(OPTION.SERVER_IDENTIFIER, server)];
  const options = [ipv4Option(OPTION.REQUESTED_IP_ADDRESS, address), ...selected, ...(parts.options ?? [])];
  return message(MESSAGE_TYPE.REQUEST, { ...parts, options });
}

/** A REQUEST in the state RENEWING or REBINDING. */
export function renew(address: string, parts: ClientMessage = {}): DhcpPacket {
  return message(MESSAGE_TYPE.REQUEST, { ...parts, fields: { ciaddr: address, ...parts.fields } });
}

export function clientId(...bytes: number[]): DhcpOption {
  return bytesOption(OPTION.CLIENT_IDENTIFIER, Uint8Array.from(bytes));
}

/** The options of a PXE ROM or UEFI firmware of an architecture (option 93). */
export function firmware(arch: number, vendorClass = "PXEClient"): DhcpOption[] {
  const uuid = Uint8Array.from({ length: 17 }, (_, i) => i);
  return [
    textOption(
      OPTION.VENDOR_CLASS_IDENTIFIER,
      `${vendorClass}:Arch:${String(arch).padStart(5, "0")}:UNDI:003016`,
    ),
    u16Option(OPTION.CLIENT_SYSTEM_ARCHITECTURE, arch),
    bytesOption(OPTION.CLIENT_MACHINE_IDENTIFIER, uuid),
  ];
}

/** The options of iPXE, which calls itself a PXE client of an architecture too. */
export function ipxe(arch: number): DhcpOption[] {
  return [
    ...firmware(arch),
    textOption(OPTION.USER_CLASS, "iPXE"),
    bytesOption(OPTION.ETHERBOOT, Uint8Array.of(235, 3, 1, 21, 1)),
  ];
}
