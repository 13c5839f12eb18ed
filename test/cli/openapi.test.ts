import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { startControlPlane } from "../../cli/dev/control-plane.ts";

const PORT = 7711;

type ApiDocument = { paths: { "/sites": { get: { responses: Record<string, { description?: string }> } } } };

test("the API's document is valid OpenAPI 3.1, by a validator that nobody here wrote", async () => {
  const stateDir = mkdtempSync(join(tmpdir(), "pxedge-openapi-"));
  const controlPlane = await startControlPlane({ host: "127.0.0.1", port: PORT, stateDir });
  try {
    const document = (await (await fetch(`${controlPlane.url}/api/v1/openapi.json`)).json()) as ApiDocument;
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document));
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(validator.version).toBe("3.1");

    // It would tell.
    const broken = structuredClone(document);
    delete broken.paths["/sites"].get.responses["200"]!.description;
    expect((await validator.validate(broken)).valid).toBe(false);
  } finally {
    await controlPlane.stop();
    rmSync(stateDir, { recursive: true });
  }
});
