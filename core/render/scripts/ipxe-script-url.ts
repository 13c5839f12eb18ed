/** How long iPXE waits for a script. */
export const SCRIPT_TIMEOUT_MS = 15_000;

/** What a machine says of itself when it asks for its script: iPXE's settings, made fit for a URL. */
const SCRIPT_QUERY =
  "uuid=${uuid}&serial=${serial:uristring}&arch=${buildarch:uristring}&platform=${platform:uristring}";

/**
 * Asks for the machine's script again, from within that script: relative to
 * its own address, so that it works behind any prefix.
 */
export const OWN_SCRIPT_URL = `script.ipxe?${SCRIPT_QUERY}`;
