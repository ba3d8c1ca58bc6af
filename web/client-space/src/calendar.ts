/** A plan as an iCalendar file (RFC 5545), as `mpp client plan --ics` writes it: the same identifiers, so that either replaces the other. */
import type { Task } from "./api";
import type { Speech } from "./speech";

export function calendarOf(tasks: readonly Task[], name: string, speech: Speech, at: Date): string {
  const lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Ma Petite Planète//client space//FR", "CALSCALE:GREGORIAN", "METHOD:PUBLISH", `NAME:${escaped(name)}`, `X-WR-CALNAME:${escaped(name)}`];
  for (const task of tasks) {
    const day = task.day ?? task.last_day;
    const until = task.until_day ?? task.last_until_day;
    if (!day || !until) continue;
    const about = `${speech.text(task.description)}\n${speech.words.stages[task.stage]}, ${speech.words.owners[task.owner]}.`;
    lines.push(
      "BEGIN:VEVENT",
      `UID:${task.code}.${task.participation_id}@plan.mpp.invalid`,
      `SEQUENCE:${task.revision}`,
      `DTSTAMP:${instant(at)}`,
      `LAST-MODIFIED:${instant(new Date(task.changed_at))}`,
      `STATUS:${task.day ? "CONFIRMED" : "CANCELLED"}`,
      `DTSTART;VALUE=DATE:${day.replaceAll("-", "")}`,
      // The end is not part of the event.
      `DTEND;VALUE=DATE:${new Date(Date.parse(`${until}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10).replaceAll("-", "")}`,
      `SUMMARY:${task.done_at ? "✓ " : ""}${escaped(speech.text(task.title))}`,
      `DESCRIPTION:${escaped(about)}`,
      "TRANSP:TRANSPARENT",
      "END:VEVENT",
    );
  }
  lines.push("END:VCALENDAR");
  return lines.map((line) => `${folded(line)}\r\n`).join("");
}

function instant(at: Date): string {
  return `${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
}

function escaped(text: string): string {
  return text.replaceAll(/[\\;,]/g, (mark) => `\\${mark}`).replaceAll(/\r?\n/g, "\\n");
}

/** Lines of 75 octets at most; what follows begins with a space. */
function folded(line: string): string {
  const encoder = new TextEncoder();
  let out = "";
  let octets = 0;
  for (const character of line) {
    const size = encoder.encode(character).length;
    if (octets + size > 75) {
      out += "\r\n ";
      octets = 1;
    }
    out += character;
    octets += size;
  }
  return out;
}
