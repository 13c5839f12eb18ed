import type { Command } from "commander";
import { stringify } from "yaml";
import { readDocumentArgument } from "./arguments.ts";
import { operatorCommand, segment, siteCommand, withSession } from "./command.ts";

/** `pxedge site …`. */
export function addSiteCommands(program: Command): void {
  const site = program.command("site").description("sites, their relays and their tokens");

  operatorCommand(site, "list", "list sites", ["site list"]).action(
    withSession(async (session) => {
      session.showList(
        await session.api.list("/sites"),
        [
          ["NAME", (item) => item.name],
          ["POLICY", (item) => item.policy],
          ["DIRECT INSTALL", (item) => (item.directInstall ? "yes" : "no")],
        ],
        "no sites",
      );
    }),
  );

  operatorCommand(site, "show <site>", "show a site's settings, as `put` takes them", [
    "site show fra1",
  ]).action(
    withSession<[string]>(async (session, [name]) => {
      const document = await session.api.request("GET", `/sites/${segment(name)}`);
      session.show(document, () => {
        const { id, ...settings } = document;
        return `# id ${id}\n${stringify(settings)}`;
      });
    }),
  );

  operatorCommand(site, "create <site> [file]", "make a site, with settings from a file or the defaults", [
    "site create fra1",
    "site create fra1 sites/fra1.yaml",
  ]).action(
    withSession<[string, string?]>(async (session, [name, file]) => {
      const settings = file === undefined ? {} : readDocumentArgument(file);
      const created = await session.api.request("POST", "/sites", { ...(settings as object), name });
      session.show(
        created,
        () => `created site ${name}; \`pxedge site join-token ${name}\` lets a relay join it\n`,
      );
    }),
  );

  operatorCommand(site, "put <site> <file>", "make a site, or replace its settings, from a file", [
    "site put fra1 sites/fra1.yaml",
  ]).action(
    withSession<[string, string]>(async (session, [name, file]) => {
      const path = `/sites/${segment(name)}`;
      const document = await session.api.request("PUT", path, readDocumentArgument(file));
      session.show(document, () => `site ${name} is as ${file} says\n`);
    }),
  );

  operatorCommand(site, "delete <site>", "delete a site without machines; its relays may join no more", [
    "site delete fra1",
  ]).action(
    withSession<[string]>(async (session, [name]) => {
      await session.api.request("DELETE", `/sites/${segment(name)}`);
      session.say(`deleted site ${name}`);
    }),
  );

  operatorCommand(site, "join-token <site>", "make a token that joins one relay, once, within a day", [
    "site join-token fra1",
  ]).action(
    withSession<[string]>(async (session, [name]) => {
      const created = await session.api.request("POST", `/sites/${segment(name)}/join-tokens`);
      session.show(created, () => `${created.token}\n`);
    }),
  );

  operatorCommand(site, "boot-token <site>", "make a token for machines that boot without a relay", [
    "site boot-token fra1 --description 'rack 3'",
  ])
    .option("--description <text>", "what it is for")
    .action(
      withSession<[string]>(async (session, [name], { description = "" }) => {
        const path = `/sites/${segment(name)}/boot-tokens`;
        const created = await session.api.request("POST", path, { description });
        session.show(created, () => `${created.token}\n`);
      }),
    );

  siteCommand(site, "relays", "list a site's relays", ["site relays --site fra1"]).action(
    withSession(async (session) => {
      session.showList(
        await session.api.list(`/sites/${await session.siteName()}/relays`),
        [
          ["ID", (item) => item.id],
          ["JOINED", (item) => item.joinedAt],
          ["LAST SEEN", (item) => item.lastSeenAt],
        ],
        "no relay has joined",
      );
    }),
  );

  siteCommand(site, "revoke-relay <id>", "end a relay's credentials", [
    "site revoke-relay 3f2a9c --site fra1",
  ]).action(
    withSession<[string]>(async (session, [id]) => {
      await session.api.request("DELETE", `/sites/${await session.siteName()}/relays/${segment(id)}`);
      session.say(`relay ${id} is revoked: its key works no more`);
    }),
  );
}
