import { parseIpv4, parseMac } from "../../core/addresses.ts";

/** What a line says of a machine, and what of it has no place here. */
export type DnsmasqHost = {
  readonly line: number;
  readonly name?: string;
  readonly macs: readonly string[];
  readonly address?: string;
  readonly tags: readonly string[];
  /** Why it is no machine; nothing else of it counts then. */
  readonly problem?: string;
  readonly notices: readonly string[];
};

/**
 * Hosts as dnsmasq takes them, in any mixture:
 *
 *     dhcp-host=52:54:00:00:00:01,set:rack1,192.168.77.11,web1,12h      dnsmasq.conf
 *     52:54:00:00:00:01,web1,192.168.77.11                              dhcp-hostsfile
 *     52:54:00:00:00:01 web1                                            /etc/ethers
 *
 * Other options of dnsmasq, blank lines and comments are passed over.
 */
export function parseDnsmasqHosts(text: string): DnsmasqHost[] {
  return text.split("\n").flatMap((raw, i): DnsmasqHost[] => {
    const line = i + 1;
    const content = raw.replace(/(?:^|\s)#.*$/, "").trim();
    if (content === "") return [];
    const option = /^(?:--)?([a-z0-9][a-z0-9-]*)\s*(?:=\s*(.*))?$/.exec(content);
    if (option !== null && option[1] === "dhcp-host") return [parseHost(option[2] ?? "", line)];
    // `domain-needed` and `dhcp-range=…`; a host's line has a blank, a comma or colons, unless it is a lone MAC.
    if (option !== null && parseMac(content) === undefined) return [];
    const ethers = /^([^\s,]+)\s+([^\s,]+)$/.exec(content);
    return [parseHost(ethers === null ? content : `${ethers[1]},${ethers[2]}`, line)];
  });
}

function parseHost(text: string, line: number): DnsmasqHost {
  const host = { line, macs: [] as string[], tags: [] as string[], notices: [] as string[] };
  let name: string | undefined;
  let address: string | undefined;
  const wrong = (problem: string): DnsmasqHost => ({ ...host, problem });
  for (const part of text.split(",").map((each) => each.trim().replace(/^"(.*)"$/, "$1"))) {
    // A type of hardware may come before the address: 06-00:20:e0:3b:13:af.
    const mac = parseMac(part.replace(/^(?:01|06)-(?=..:)/, ""));
    if (part === "") continue;
    else if (mac !== undefined) host.macs.push(mac);
    else if (parseIpv4(part) !== undefined) address = part;
    else if (part === "ignore")
      return { ...host, macs: [], notices: ["is told to be ignored, and left out"] };
    else if (/^[0-9a-f*]{1,2}(?::[0-9a-f*]{1,2}){5}$/i.test(part))
      return wrong(`"${part}" is not one MAC: name each machine by its own`);
    else if (part.startsWith("set:")) host.tags.push(part.slice(4).toLowerCase());
    else if (/^(?:id|tag|net):/.test(part))
      host.notices.push(`"${part}" has no counterpart, and is left out`);
    else if (part.startsWith("[")) host.notices.push(`"${part}": only IPv4 is served, and it is left out`);
    else if (/^(?:\d+[smhdw]?|infinite)$/i.test(part)) continue;
    else if (/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(part)) name = part.toLowerCase();
    else return wrong(`"${part}" is no MAC, IPv4 address, name, set:TAG or lease time`);
  }
  if (host.macs.length === 0) return wrong("has no MAC, so the machine could not be recognised");
  return { ...host, ...(name !== undefined && { name }), ...(address !== undefined && { address }) };
}
