import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** A static file from nginx: the floor that any dynamic answer is compared with. */
export async function startNginx(
  directory: string,
  port: number,
  file: { readonly name: string; readonly text: string },
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const root = join(directory, "root");
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, file.name), file.text);
  const config = join(directory, "nginx.conf");
  writeFileSync(
    config,
    `daemon off; pid ${directory}/nginx.pid; error_log ${directory}/error.log; worker_processes 1;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path ${directory}; proxy_temp_path ${directory};
  fastcgi_temp_path ${directory}; uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
  server { listen 127.0.0.1:${port}; root ${root}; }
}
`,
  );
  const nginx = spawn("nginx", ["-c", config, "-e", `${directory}/error.log`], { stdio: "inherit" });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const up = await fetch(`${url}/${file.name}`).then(
      (response) => response.ok,
      () => false,
    );
    if (up) break;
    if (tries === 100) throw new Error(`nginx did not start; see ${directory}/error.log`);
    await wait(50);
  }
  return {
    url,
    async stop() {
      const ended = new Promise((resolve) => nginx.once("exit", resolve));
      nginx.kill();
      await ended;
    },
  };
}
