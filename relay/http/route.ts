import { dialectOf } from "../decision/script-request.ts";

/**
 * What a request is for:
 * - `stage-one`: `/boot.ipxe`, answered here, also while the WAN is down
 * - `boot-file`: `/f/NAME`, from the folder that TFTP serves
 * - `image`: a file of an image, by a signed URL
 * - `mirror`: a file of a package mirror
 * - `script`: what the machine boots, answered within a budget
 * - `answer`: an installer's answer file, held until the control plane gives it
 * - `callback`: what an installer reports
 * - `refused`: nothing of ours
 */
export type Route =
  | { readonly kind: "stage-one" }
  | { readonly kind: "boot-file"; readonly name: string }
  | { readonly kind: "image" | "mirror" | "script" | "answer" | "callback" }
  | { readonly kind: "refused"; readonly status: 400 | 404 }
  | { readonly kind: "refused"; readonly status: 405; readonly allow: string };

const MALFORMED = { kind: "refused", status: 400 } as const;
const UNKNOWN = { kind: "refused", status: 404 } as const;

/** What a mirror makes of others than GET and HEAD is its own business; TRACE would show what we add. */
const MIRROR_METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "M-SEARCH"];

/** A path and maybe a query, of the characters that RFC 3986 lets stand; no other form of target. */
const ORIGIN_FORM = /^(\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)(?:\?[\x21\x22\x24-\x7e]*)?$/;

/**
 * Routes a request by its method and target, strictly: what the control plane
 * would read as another path than we do must not get there under the relay's
 * credential (`/boot/../relay/v1/state`, `%2e%2e`, `\`, `//`, an absolute URL).
 */
export function routeRequest(method: string, target: string): Route {
  const path = ORIGIN_FORM.exec(target)?.[1];
  if (path === undefined) return MALFORMED;
  const segments = path.slice(1).split("/");
  if (segments.some(isAmbiguous)) return UNKNOWN;

  if (path === "/boot.ipxe") return allow(method, ["GET", "HEAD"], { kind: "stage-one" });
  const [first, second, third] = segments;
  if (second === undefined || second === "") return UNKNOWN;
  switch (first ?? "") {
    case "f":
      return allow(method, ["GET", "HEAD"], bootFile(segments.slice(1)));
    case "boot":
      if (third === "answer" && segments.length > 3)
        return allow(method, ["GET", "POST"], { kind: "answer" });
      // No HEAD: a script that is served counts, and mints capabilities.
      return dialectOf(path) === undefined ? UNKNOWN : allow(method, ["GET"], { kind: "script" });
    case "a":
      return third === undefined ? UNKNOWN : allow(method, ["GET", "HEAD", "POST"], { kind: "answer" });
    case "e":
      return third === undefined ? UNKNOWN : allow(method, ["GET", "POST"], { kind: "callback" });
    case "i":
    case "t":
      return third === undefined ? UNKNOWN : allow(method, ["GET", "HEAD"], { kind: "image" });
    case "mirror":
      return third === undefined ? UNKNOWN : allow(method, MIRROR_METHODS, { kind: "mirror" });
    default:
      return UNKNOWN;
  }
}

/** What another parser may drop, join or split. The last segment may be empty: a tree's root ends in a slash. */
function isAmbiguous(segment: string, index: number, all: readonly string[]): boolean {
  if (segment === "") return index !== all.length - 1;
  return /^(?:\.|%2e){1,2}$|%(?:2f|5c|00)/i.test(segment);
}

function bootFile(segments: readonly string[]): Route {
  try {
    return { kind: "boot-file", name: segments.map(decodeURIComponent).join("/") };
  } catch {
    // A percent sign that encodes nothing.
    return MALFORMED;
  }
}

function allow(method: string, methods: readonly string[], route: Route): Route {
  return methods.includes(method) ? route : { kind: "refused", status: 405, allow: methods.join(", ") };
}
