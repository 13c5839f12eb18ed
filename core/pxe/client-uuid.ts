import { getOption, OPTION, type OptionHolder } from "../dhcp-packet/index.ts";

/**
 * `smbios`: the first three fields little-endian, as SMBIOS 2.6 stores them and
 * firmware copies them (EDK2's NetLibGetSystemGuid). `network`: big-endian, as
 * iPXE sends them. One machine thus shows two values of option 97.
 */
export type UuidByteOrder = "smbios" | "network";

const UUID_BYTES = 16;
const ORDER = {
  smbios: [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15],
  network: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
} as const;

/**
 * The machine's UUID of option 97 (RFC 4578 section 2.3) in lower case, as
 * `dmidecode` prints it. `null` if missing, malformed, or all zeros, by which
 * firmware says that it has none.
 */
export function readClientUuid(request: OptionHolder, byteOrder: UuidByteOrder): string | null {
  const data = getOption(request, OPTION.CLIENT_MACHINE_IDENTIFIER);
  if (data?.length !== 1 + UUID_BYTES || data[0] !== 0) return null;
  const bytes = data.subarray(1);
  if (bytes.every((byte) => byte === 0)) return null;
  const hex = ORDER[byteOrder].map((at) => bytes[at]!.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
