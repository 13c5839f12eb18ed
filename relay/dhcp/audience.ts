import type { DhcpServerConfig } from "../config/model.ts";
import type { DhcpClient } from "./client.ts";
import type { Reservations } from "./reservations.ts";

/** Why a client is none of those that are to be answered; `null` if it is one. */
export function reasonForSilence(
  client: DhcpClient,
  { answer, vendorClasses }: Pick<DhcpServerConfig, "answer" | "vendorClasses">,
  reservations: Reservations,
): "not-registered" | "other-vendor-class" | null {
  const { uuid, vendorClass } = client.boot;
  if (answer === "registered" && !reservations.isRegistered(client.mac, uuid)) return "not-registered";
  if (vendorClasses.length === 0) return null;
  return vendorClasses.some((prefix) => vendorClass?.startsWith(prefix)) ? null : "other-vendor-class";
}
