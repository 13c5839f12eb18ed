import type { Command } from "commander";
import { readTextArgument } from "./arguments.ts";
import { operatorCommand, segment, withSession } from "./command.ts";

/** `pxedge secret …`. */
export function addSecretCommands(program: Command): void {
  const secret = program.command("secret").description("values for templates that go in and never come out");

  operatorCommand(secret, "list", "list the names of secrets", ["secret list"]).action(
    withSession(async (session) => {
      session.showList(
        await session.api.list("/secrets"),
        [
          ["NAME", (item) => item.name],
          ["KEY", (item) => item.kid],
          ["SINCE", (item) => item.updatedAt],
          ["BY", (item) => item.updatedBy],
        ],
        "no secrets",
      );
    }),
  );

  operatorCommand(secret, "set <name> [file]", "set a secret from a file or, without one, from stdin", [
    "secret set rootPassword < password.txt",
    "secret set joinKey /run/keys/join",
  ])
    .option("--keep-newline", "keep the newline at the end, which is cut off by default")
    .action(
      withSession<[string, string?]>(async (session, [name, file = "-"], { keepNewline }) => {
        const text = readTextArgument(file);
        const value = keepNewline ? text : text.replace(/\r?\n$/, "");
        await session.api.request("PUT", `/secrets/${segment(name)}`, { value });
        session.say(`secret ${name} is set; templates name it as {{secret.${name}}}`);
      }),
    );

  operatorCommand(secret, "delete <name>", "delete a secret; armed machines keep what was pinned", [
    "secret delete rootPassword",
  ]).action(
    withSession<[string]>(async (session, [name]) => {
      await session.api.request("DELETE", `/secrets/${segment(name)}`);
      session.say(`deleted secret ${name}`);
    }),
  );

  operatorCommand(secret, "rotate", "encrypt all secrets anew, with the first key of SECRET_KEYS", [
    "secret rotate",
  ]).action(
    withSession(async (session) => {
      const result = await session.api.request("POST", "/keys/rotate");
      session.show(result, () => "all secrets are encrypted with the first key of SECRET_KEYS\n");
    }),
  );
}
