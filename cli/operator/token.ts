import { InvalidArgumentError, Option, type Command } from "commander";
import { operatorCommand, segment, withSession } from "./command.ts";

/** `pxedge token …` and `pxedge audit`. */
export function addTokenCommands(program: Command): void {
  const token = program.command("token").description("who may use the API, and for what");

  operatorCommand(token, "list", "list tokens", ["token list"]).action(
    withSession(async (session) => {
      session.showList(
        await session.api.list("/tokens"),
        [
          ["ID", (item) => item.id],
          ["NAME", (item) => item.name],
          ["ROLE", (item) => item.role],
          ["SITES", (item) => item.sites?.join(",") ?? "all"],
          ["EXPIRES", (item) => item.expiresAt ?? "never"],
        ],
        "no tokens",
      );
    }),
  );

  operatorCommand(token, "create <name>", "make a token; it is shown this once", [
    "token create ci --role operator --sites fra1,ams1 --expires 90d",
  ])
    .addOption(
      new Option("--role <role>", "what it may do")
        .choices(["viewer", "operator", "admin"])
        .makeOptionMandatory(),
    )
    .option("--sites <names>", "sites that it is for, with commas between; all by default")
    .option("--expires <time>", "how long it is good for, e.g. 12h or 90d; for ever by default", duration)
    .action(
      withSession<[string]>(async (session, [name], { role, sites, expires }) => {
        const created = await session.api.request("POST", "/tokens", {
          name,
          role,
          sites: sites?.split(","),
          expiresInSeconds: expires,
        });
        session.show(created, () => `${created.token}\n`);
      }),
    );

  operatorCommand(token, "delete <id>", "delete a token: it works no more", ["token delete 3f2a9c"]).action(
    withSession<[string]>(async (session, [id]) => {
      await session.api.request("DELETE", `/tokens/${segment(id)}`);
      session.say(`deleted token ${id}`);
    }),
  );

  operatorCommand(program, "audit", "list who changed what, oldest first", ["audit --json"]).action(
    withSession(async (session) => {
      session.showList(
        await session.api.list("/audit"),
        [
          ["AT", (item) => item.at],
          ["BY", (item) => item.by.name],
          ["ACTION", (item) => item.action],
          ["TARGET", (item) => item.target],
        ],
        "nothing was changed yet",
      );
    }),
  );
}

const UNIT_SECONDS = { m: 60, h: 3_600, d: 86_400 };

function duration(text: string): number {
  const match = /^(\d{1,6})([mhd])$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError("It must be a number of minutes, hours or days: 30m, 12h, 90d.");
  return Number(match[1]) * UNIT_SECONDS[match[2] as keyof typeof UNIT_SECONDS];
}
