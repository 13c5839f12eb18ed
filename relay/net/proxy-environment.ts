/** What Node's agents take as `proxyEnv`: which proxy to go by, and where to go without one. */
export type ProxyEnvironment = Readonly<Partial<Record<"http_proxy" | "https_proxy" | "no_proxy", string>>>;

/** This host is not reached by a proxy elsewhere. */
const OWN_HOST = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Reads `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in capitals or not: the
 * lower-case one counts, as it does for curl.
 */
export function readProxyEnvironment(env: Readonly<Record<string, string | undefined>>): ProxyEnvironment {
  const value = (name: string): string | undefined => env[name] || env[name.toUpperCase()] || undefined;
  const [http, https] = [value("http_proxy"), value("https_proxy")];
  if (http === undefined && https === undefined) return {};
  return {
    ...(http !== undefined && { http_proxy: http }),
    ...(https !== undefined && { https_proxy: https }),
    no_proxy: [value("no_proxy"), ...OWN_HOST].filter((each) => each !== undefined).join(","),
  };
}
