#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { join } from "node:path";

// Most of a command's time would go into stripping types and compiling. In a folder of one's own: what lies there is run.
const cache = process.env["XDG_CACHE_HOME"] ?? (process.env["HOME"] && join(process.env["HOME"], ".cache"));
if (cache !== undefined && cache !== "") enableCompileCache(join(cache, "pxedge"));

await import("./pxedge.ts");
