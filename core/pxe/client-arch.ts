import type { FirmwareClass } from "../relay-protocol/state.ts";

/** Values of option 93: IANA's registry of processor architecture types (RFC 5970). */
export const CLIENT_ARCH = {
  BIOS: 0,
  NEC_PC98: 1,
  ITANIUM: 2,
  DEC_ALPHA: 3,
  ARC_X86: 4,
  INTEL_LEAN_CLIENT: 5,
  EFI_IA32: 6,
  EFI_X86_64: 7,
  EFI_XSCALE: 8,
  EFI_BYTE_CODE: 9,
  EFI_ARM32: 10,
  EFI_ARM64: 11,
  POWERPC_OPEN_FIRMWARE: 12,
  POWERPC_EPAPR: 13,
  POWER_OPAL: 14,
  HTTP_IA32: 15,
  HTTP_X86_64: 16,
  HTTP_BYTE_CODE: 17,
  HTTP_ARM32: 18,
  HTTP_ARM64: 19,
  HTTP_BIOS: 20,
  UBOOT_ARM32: 21,
  UBOOT_ARM64: 22,
  UBOOT_HTTP_ARM32: 23,
  UBOOT_HTTP_ARM64: 24,
  EFI_RISCV32: 25,
  HTTP_RISCV32: 26,
  EFI_RISCV64: 27,
  HTTP_RISCV64: 28,
  EFI_RISCV128: 29,
  HTTP_RISCV128: 30,
  S390_BASIC: 31,
  S390_EXTENDED: 32,
  EFI_MIPS32: 33,
  EFI_MIPS64: 34,
  EFI_SUNWAY32: 35,
  EFI_SUNWAY64: 36,
  EFI_LOONGARCH32: 37,
  HTTP_LOONGARCH32: 38,
  EFI_LOONGARCH64: 39,
  HTTP_LOONGARCH64: 40,
  RASPBERRY_PI: 41,
} as const;

/** What an architecture means for the choice of a boot file. */
type Firmware = {
  readonly firmware: FirmwareClass;
  /** The value is the UEFI HTTP boot client's. */
  readonly http: boolean;
};

const FIRMWARE: ReadonlyMap<number, Firmware> = new Map([
  [CLIENT_ARCH.BIOS, { firmware: "bios", http: false }],
  [CLIENT_ARCH.EFI_IA32, { firmware: "efi-ia32", http: false }],
  [CLIENT_ARCH.EFI_X86_64, { firmware: "efi-x86_64", http: false }],
  // RFC 4578 printed 9 for x86-64 and 7 for byte code, IANA has the reverse: firmware sends either.
  [CLIENT_ARCH.EFI_BYTE_CODE, { firmware: "efi-x86_64", http: false }],
  [CLIENT_ARCH.EFI_ARM32, { firmware: "efi-arm32", http: false }],
  [CLIENT_ARCH.EFI_ARM64, { firmware: "efi-arm64", http: false }],
  [CLIENT_ARCH.HTTP_IA32, { firmware: "efi-ia32", http: true }],
  [CLIENT_ARCH.HTTP_X86_64, { firmware: "efi-x86_64", http: true }],
  [CLIENT_ARCH.HTTP_ARM32, { firmware: "efi-arm32", http: true }],
  [CLIENT_ARCH.HTTP_ARM64, { firmware: "efi-arm64", http: true }],
  [CLIENT_ARCH.EFI_RISCV64, { firmware: "efi-riscv64", http: false }],
  [CLIENT_ARCH.HTTP_RISCV64, { firmware: "efi-riscv64", http: true }],
  [CLIENT_ARCH.EFI_LOONGARCH64, { firmware: "efi-loongarch64", http: false }],
  [CLIENT_ARCH.HTTP_LOONGARCH64, { firmware: "efi-loongarch64", http: true }],
  // Its boot ROM loads files by names of its own; the one told says that they are there.
  [CLIENT_ARCH.RASPBERRY_PI, { firmware: "raspberry-pi", http: false }],
] as const);

/** The firmware class of an architecture; `undefined` for one that has no boot files here. */
export function firmwareOf(arch: number): Firmware | undefined {
  return FIRMWARE.get(arch);
}
