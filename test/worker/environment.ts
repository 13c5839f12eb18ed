import type { Env as WorkerEnv } from "../../worker/env.ts";
import type main from "../../worker/main.ts";

/** Tells the test tools what the Worker is bound to and what its main module exports. */
declare global {
  namespace Cloudflare {
    interface Env extends WorkerEnv {}
    interface GlobalProps {
      mainModule: { default: typeof main };
    }
  }
}
