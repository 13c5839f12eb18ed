import { diagnose, type DiagnosedAttempt } from "../../core/boot/diagnose.ts";
import type { BootEvent } from "../../core/relay-protocol/events.ts";
import { colour, formatTable, printable } from "../terminal/table.ts";

type TimelineAttempt = DiagnosedAttempt & { readonly profile: string };

/** A machine's events as one story, and what to make of it. */
export function formatTimeline(attempt: TimelineAttempt | null, events: readonly BootEvent[]): string {
  const table =
    events.length === 0
      ? "no events\n"
      : formatTable<BootEvent>(
          [
            ["TIME", (event) => event.at],
            ["STAGE", (event) => event.stage],
            ["EVENT", (event) => event.name],
            ["DETAIL", (event) => formatDetail(event.detail)],
          ],
          events,
        );
  const { summary, reasons } = diagnose(attempt, events);
  const order = attempt === null ? "" : `${attempt.profile}, attempt ${attempt.id}: `;
  const lines = [`\n${colour("bold", `${order}${printable(summary)}`)}\n`];
  if (reasons.length > 0) lines.push("If it does not go on, likely reasons:\n");
  for (const reason of reasons) lines.push(`  - ${reason}\n`);
  return table + lines.join("");
}

function formatDetail(detail: BootEvent["detail"]): string {
  return Object.entries(detail)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(" ");
}
