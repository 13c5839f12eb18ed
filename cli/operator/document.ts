import type { Command } from "commander";
import { stringify } from "yaml";
import type { Json } from "../api-client.ts";
import { printable } from "../terminal/table.ts";
import { readDocumentArgument, readTextArgument } from "./arguments.ts";
import { addDiffCommand } from "./diff.ts";
import { operatorCommand, segment, withSession } from "./command.ts";

/** A kind of document that the control plane keeps in revisions. */
type DocumentKind = {
  /** As in the command's name. */
  readonly name: "profile" | "template" | "image";
  readonly description: string;
  /** How `put` reads its file; `null` where there is a way of its own to make one. */
  readonly read: ((file: string) => unknown) | null;
  readonly example: string;
};

const KINDS: readonly DocumentKind[] = [
  {
    name: "profile",
    description: "how machines boot: kernel, arguments, answer files",
    read: readDocumentArgument,
    example: "debian-12 profiles/debian-12.yaml",
  },
  {
    name: "template",
    description: "answer files with variables",
    read: (file) => ({ text: readTextArgument(file) }),
    example: "preseed-debian-12 templates/debian-12.mustache",
  },
];

/** `pxedge profile …` and `pxedge template …`. */
export function addDocumentCommands(program: Command): void {
  const [profile, template] = KINDS.map((kind) => addDocumentKind(program, kind));
  addDiffCommand(profile!, "profile", (file) => ({ document: readDocumentArgument(file) }));
  addDiffCommand(template!, "template", (file) => ({ text: readTextArgument(file) }));
}

/** `list`, `show`, `put`, `delete`, `revisions` and `rollback` of one kind; returns the command for more. */
export function addDocumentKind(
  program: Command,
  { name: kind, description, read, example }: DocumentKind,
): Command {
  const group = program.command(kind).description(description);
  const collection = `/${kind}s`;

  operatorCommand(group, "list", `list ${kind}s`, [`${kind} list`]).action(
    withSession(async (session) => {
      session.showList(
        await session.api.list(collection),
        [
          ["NAME", (item) => item.name],
          ["REVISION", (item) => item.revision],
          ["SINCE", (item) => item.updatedAt],
          ["BY", (item) => item.updatedBy],
        ],
        `no ${kind}s`,
      );
    }),
  );

  operatorCommand(group, "show <name>", `show a ${kind}${read === null ? "" : ", as `put` takes it"}`, [
    `${kind} show debian-12`,
  ]).action(
    withSession<[string]>(async (session, [name]) => {
      const document = await session.api.request("GET", `${collection}/${segment(name)}`);
      session.show(document, () => (kind === "template" ? document.text : formatDocument(document)));
    }),
  );

  if (read !== null) {
    operatorCommand(group, "put <name> <file>", `make or replace a ${kind} from a file, - for stdin`, [
      `${kind} put ${example}`,
    ]).action(
      withSession<[string, string]>(async (session, [name, file]) => {
        const path = `${collection}/${segment(name)}`;
        const result = await session.api.request("PUT", path, read(file));
        session.show(result, () => `${kind} ${name} is ${result.revision}\n`);
      }),
    );
  }

  operatorCommand(group, "delete <name>", `delete a ${kind}; armed machines keep what was pinned`, [
    `${kind} delete debian-11`,
  ]).action(
    withSession<[string]>(async (session, [name]) => {
      await session.api.request("DELETE", `${collection}/${segment(name)}`);
      session.say(`deleted ${kind} ${name}`);
    }),
  );

  operatorCommand(group, "revisions <name>", "list its revisions, newest first", [
    `${kind} revisions debian-12`,
  ]).action(
    withSession<[string]>(async (session, [name]) => {
      session.showList<Json>(
        await session.api.list(`${collection}/${segment(name)}/revisions`),
        [
          ["REVISION", (item) => item.revision],
          ["AT", (item) => item.createdAt],
          ["BY", (item) => item.createdBy],
          ["", (item) => (item.current ? "current" : "")],
        ],
        "no revisions",
      );
    }),
  );

  operatorCommand(group, "rollback <name> <revision>", "let the name stand for an earlier revision", [
    `${kind} rollback debian-12 3f2a9c41`,
  ]).action(
    withSession<[string, string]>(async (session, [name, revision]) => {
      const path = `${collection}/${segment(name)}/rollback`;
      const result = await session.api.request("POST", path, { revision });
      session.show(result, () => `${kind} ${name} is ${result.revision}\n`);
    }),
  );
  return group;
}

/** A document as `put` takes it, under a comment of what the control plane says of it. */
function formatDocument({ name, revision, updatedAt, updatedBy, ...document }: Json): string {
  return `# ${name}@${revision}, since ${updatedAt} by ${printable(updatedBy)}\n${stringify(document, { lineWidth: 0 })}`;
}
