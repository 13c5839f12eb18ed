import { type OutgoingHttpHeaders, ServerResponse } from "node:http";

/**
 * A response whose fields are spelled `Content-Length`, as HTTP/1.1 servers of
 * old do. Names know no case (RFC 9110 section 5.1), yet boot loaders look for
 * that spelling: GRUB 2.06 takes a kernel without it for an empty one, and
 * UEFI HTTP Boot in others (rhboot/grub2 #216, rhboot/shim #403).
 */
export class TitleCaseResponse extends ServerResponse {
  override writeHead(status: number, ...head: unknown[]): this {
    const fields = head.at(-1);
    // What node:http refuses by itself comes as a list, and is spelled so already.
    const isObject = typeof fields === "object" && fields !== null && !Array.isArray(fields);
    return super.writeHead(
      status,
      isObject ? titleCase(fields as OutgoingHttpHeaders) : (fields as string[]),
    );
  }
}

/** The relay's own fields are few; those of mirrors are bounded, as the cache is. */
const MAX_SPELLED = 200;
const spellings = new Map<string, string>();

function titleCase(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const spelled: OutgoingHttpHeaders = {};
  for (const name of Object.keys(headers)) spelled[spell(name)] = headers[name];
  return spelled;
}

function spell(name: string): string {
  const known = spellings.get(name);
  if (known !== undefined) return known;
  const spelled = name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
  if (spellings.size < MAX_SPELLED) spellings.set(name, spelled);
  return spelled;
}
