import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Child } from "../../test/support/lab/child.ts";
import type { Lab } from "../../test/support/lab/network.ts";
import { waitFor } from "../../test/support/lab/wait.ts";

/** nginx on the relay's place in the LAN. */
export type Nginx = { readonly url: string; readonly stop: () => Promise<void> };

const PORT = 8090;

/**
 * Starts nginx with files of a folder under `/files/`, by sendfile; and, under
 * any other path, a cache of the control plane that lets one request through.
 *
 * @param upstream the control plane's URL, as the relay sees it
 */
export async function startNginx(
  lab: Lab,
  directory: string,
  upstream: string,
  credential: string,
): Promise<Nginx> {
  const own = join(directory, "nginx");
  mkdirSync(join(own, "files"), { recursive: true });
  const config = join(own, "nginx.conf");
  writeFileSync(
    config,
    `daemon off; user root; pid ${own}/pid; error_log ${own}/error.log; worker_processes auto;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path ${own}/body; proxy_temp_path ${own}/proxy; fastcgi_temp_path ${own}/fastcgi;
  uwsgi_temp_path ${own}/uwsgi; scgi_temp_path ${own}/scgi;
  proxy_cache_path ${own}/cache keys_zone=images:1m max_size=10g use_temp_path=off;
  server {
    listen ${lab.lanAddress}:${PORT};
    location /files/ { root ${own}; }
    location / {
      proxy_pass ${upstream}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer ${credential}";
      proxy_ignore_headers Cache-Control; proxy_cache images; proxy_cache_valid 200 1d;
      proxy_cache_lock on; proxy_cache_lock_timeout 600s; proxy_cache_lock_age 600s; proxy_max_temp_file_size 0;
    }
  }
}
`,
  );
  const child: Child = await lab.spawn("nginx", ["-c", config, "-e", `${own}/error.log`]);
  const url = `http://${lab.lanAddress}:${PORT}`;
  await waitFor(
    () =>
      lab.exec("curl", ["-s", "-o", "/dev/null", `${url}/files/`]).then(
        () => true,
        () => false,
      ),
    10_000,
    () => `nginx did not start:\n${child.output()}`,
  );
  return { url, stop: () => child.stop() };
}

/** Where nginx finds what it serves under `/files/`. */
export function nginxFilesFolder(directory: string): string {
  return join(directory, "nginx", "files");
}
