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

function titleCase(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const spelled: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    spelled[name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase())] = value;
  }
  return spelled;
}
