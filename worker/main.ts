import { createApp } from "./app.ts";
import type { Env } from "./env.ts";

export { ControlObject } from "./control-object/control-object.ts";
export { SiteObject } from "./site-object/site-object.ts";

export default { fetch: createApp().fetch } satisfies ExportedHandler<Env>;
