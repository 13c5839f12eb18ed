import { parseHex } from "../../../core/bytes.ts";

/** Bytes from hexadecimal that may be spaced and broken into lines. */
export function hex(...parts: readonly string[]): Uint8Array<ArrayBuffer> {
  const bytes = parseHex(parts.join("").replace(/\s/g, ""));
  if (bytes === undefined) throw new Error(`not hexadecimal: ${parts.join("")}`);
  return bytes;
}

export const zeros = (count: number): string => "00".repeat(count);

/** A client's fixed fields and the cookie: Ethernet, no addresses, no names. */
export const clientHeader = (chaddr: string, flags = "0000"): string =>
  `01010600 12345678 0004${flags} ${zeros(16)} ${chaddr} ${zeros(10)} ${zeros(192)} 63825363`;

/** UEFI PXE on x86-64 as EDK2 builds it (PxeBcBuildDhcp4Options), UUID in SMBIOS order. */
export const EDK2_DISCOVER = hex(
  clientHeader("525400aa0001", "8000"),
  "350101",
  "390205c0",
  "3723 0102030405060c0d0f11121617 1c 28292a 2b 3233 36 3a3b 3c 4243 61 8081828384858687",
  "6111 00 44454c4c 4200 1035 8052 b4c04f333332",
  "5e03 010310",
  "5d02 0007",
  "3c20 505845436c69656e743a417263683a30303030373a554e44493a303033303136",
  "ff",
);

/** iPXE 1.21.1 started from a BIOS ROM on the same machine, UUID in network order. */
export const IPXE_DISCOVER = hex(
  clientHeader("525400aa0001"),
  "350101",
  "390205c0",
  "5d02 0000",
  "5e03 010201",
  "3c20 505845436c69656e743a417263683a30303030303a554e44493a303032303031",
  "4d04 69505845",
  "3717 01 03 06 07 0c 0f 11 1a 2b 3c 42 43 77 80 81 82 83 84 85 86 87 af cb",
  "af2d b105011af41000 220101 190101 210101 100102 130101 110101 eb03011501 170101 150101 120101 270101 180101",
  "3d07 01 525400aa0001",
  "6111 00 4c4c4544 0042 3510 8052 b4c04f333332",
  "ff",
);
