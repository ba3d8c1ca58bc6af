/** What a client does: its plan, its files, its invitations, its own staff. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { ApiError, type ImportOutcome, type KitFile, type Role, type Task } from "../api";
import { calendarOf } from "../calendar";
import { Read, said, useHere } from "../context";
import { Field, Form } from "../session";
import { fill } from "../speech";

function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export function Plan() {
  const { space, participation, speech, role } = useHere();
  const { words } = speech;
  const queries = useQueryClient();
  const id = participation.participation_id;
  const anew = () => queries.invalidateQueries({ queryKey: [id, "tasks"] });
  const tick = useMutation({ mutationFn: ({ task, done }: { task: Task; done: boolean }) => space.complete(task.task_id, done), onSettled: anew });
  const make = useMutation({ mutationFn: () => space.plan(id), onSettled: anew });
  return (
    <Read of={[id, "tasks"]} read={() => space.tasks(id)}>
      {(tasks) => {
        if (tasks.length === 0)
          return (
            <>
              <p className="nothing">{words.planEmpty}</p>
              {role !== "viewer" && <p><button type="button" disabled={make.isPending} onClick={() => make.mutate()}>{words.planMake}</button></p>}
              <div role="alert">{make.error && <p className="fault">{said(make.error, words)}</p>}</div>
            </>
          );
        const counted = tasks.filter((task) => task.state !== "dropped");
        const name = `${participation.organisation_name} – ${speech.text(participation.edition_title)}`;
        return (
          <>
            <div className="actions">
              <p>{fill(words.planDone, { n: counted.filter((task) => task.done_at).length, all: counted.length })}</p>
              <button type="button" onClick={() => save(new Blob([calendarOf(tasks, name, speech, new Date())], { type: "text/calendar" }), `${participation.edition_code}.ics`)}>{words.ics}</button>
            </div>
            <div role="alert">{tick.error && <p className="fault">{said(tick.error, words)}</p>}</div>
            {(["checkup", "preparation", "launching", "follow_up", "celebrate"] as const).map((stage) => {
              const of = tasks.filter((task) => task.stage === stage);
              return of.length === 0 ? null : (
                <section key={stage} aria-label={words.stages[stage]}>
                  <h3>{words.stages[stage]}</h3>
                  <ul className="plan">
                    {of.map((task) => (
                      <li key={task.task_id}>
                        <input type="checkbox" id={`task-${task.task_id}`} checked={tick.isPending && tick.variables.task.task_id === task.task_id ? tick.variables.done : task.done_at !== null} disabled={role === "viewer" || task.owner !== "client" || task.state === "dropped" || tick.isPending} onChange={(event) => tick.mutate({ task, done: event.currentTarget.checked })} />
                        <div>
                          <label htmlFor={`task-${task.task_id}`} className={task.done_at ? "finished" : ""}><strong>{speech.text(task.title)}</strong></label>
                          <p>{speech.text(task.description)}</p>
                          <p className="note">{words.owners[task.owner]}{task.state === "dropped" ? ` · ${words.dropped}` : ""}</p>
                        </div>
                        {task.day && task.until_day && <time dateTime={task.day}>{speech.day(task.day, "short")} – {speech.day(task.until_day, "short")}</time>}
                      </li>
                    ))}
                  </ul>
                </section>
              );
            })}
          </>
        );
      }}
    </Read>
  );
}

export function Kit() {
  const { space, participation, speech, role } = useHere();
  const { words } = speech;
  const queries = useQueryClient();
  const chosen = useRef<HTMLInputElement>(null);
  const [message, setMessage] = useState("");
  const organisation = participation.organisation_id;
  const act = useMutation({
    mutationFn: async (task: () => Promise<string>) => task(),
    onSuccess: setMessage,
    onError: () => setMessage(""),
    onSettled: () => queries.invalidateQueries({ queryKey: ["kit", organisation] }),
  });
  const upload = (file: File) => act.mutate(async () => { await space.upload(organisation, file); return fill(words.uploaded, { name: file.name }); });
  const remove = (file: KitFile) => act.mutate(async () => { await space.removeFile(file.path); return fill(words.removed, { name: file.name }); });
  const fetchIt = (file: KitFile) => act.mutate(async () => { save(await space.download(file.path), file.name.split("/").at(-1) ?? file.name); return ""; });
  return (
    <>
      <Read of={["kit", organisation]} read={() => space.files(organisation)}>
        {(files) =>
          files.length === 0 ? <p className="nothing">{words.kitEmpty}</p> : (
            <div className="scroll" role="region" aria-label={words.views.kit} tabIndex={0}>
              <table>
                <caption className="unseen">{words.views.kit}</caption>
                <thead><tr><th scope="col">{words.kitFile}</th><th scope="col" className="n">{words.kitSize}</th><th scope="col"><span className="unseen">{words.download}</span></th></tr></thead>
                <tbody>
                  {files.map((file) => (
                    <tr key={file.path}>
                      <th scope="row">{file.name}</th>
                      <td className="n">{speech.count(Math.ceil(file.size / 1024))} kB</td>
                      <td>
                        <div className="actions">
                          <button type="button" aria-label={`${words.download} ${file.name}`} onClick={() => fetchIt(file)}>{words.download}</button>
                          {file.own && role !== "viewer" && <button type="button" aria-label={`${words.remove} ${file.name}`} onClick={() => remove(file)}>{words.remove}</button>}
                        </div>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Read>
      {role !== "viewer" && (
        <>
          <p className="note">{words.kitOwn}</p>
          <input ref={chosen} type="file" hidden onChange={(event) => { const file = event.currentTarget.files?.[0]; if (file) upload(file); event.currentTarget.value = ""; }} />
          <button type="button" disabled={act.isPending} onClick={() => chosen.current?.click()}>{words.upload}</button>
        </>
      )}
      <div role="alert">{act.error && <p className="fault">{act.error instanceof ApiError ? act.error.message : words.failed}</p>}</div>
      <div role="status">{message && <p className="done-message">{message}</p>}</div>
    </>
  );
}

/** What was typed as invitations: an address a line, and its league after a semicolon or a tab. */
export function typedInvitations(text: string): { email: string; league?: string }[] {
  return text.split(/\r?\n/).map((line) => line.split(/[;\t]/).map((part) => part.trim())).filter(([email]) => email).map(([email, league]) => ({ email: email ?? "", ...(league ? { league } : {}) }));
}

export function Participants() {
  const { space, participation, speech } = useHere();
  const { words } = speech;
  const queries = useQueryClient();
  const id = participation.participation_id;
  const [text, setText] = useState("");
  const [checked, setChecked] = useState<ImportOutcome>();
  const [sent, setSent] = useState(0);
  const invite = useMutation({
    mutationFn: (dryRun: boolean) => space.invite(id, typedInvitations(text), dryRun),
    onSuccess: (outcome, dryRun) => {
      if (dryRun) {
        setChecked(outcome);
        setSent(0);
        return;
      }
      setChecked(undefined);
      setText("");
      setSent(outcome.added);
      void queries.invalidateQueries({ queryKey: [id, "participants"] });
    },
    onError: () => setChecked(undefined),
  });
  const faults = invite.error instanceof ApiError ? invite.error.faults : [];
  return (
    <>
      <section aria-labelledby="invite">
        <h3 id="invite">{words.invite}</h3>
        <form onSubmit={(event) => { event.preventDefault(); invite.mutate(checked === undefined); }}>
          <div className="row">
            <label htmlFor="addresses">{words.email}</label>
            <p className="note" id="addresses-help">{words.inviteHelp}</p>
            <textarea id="addresses" aria-describedby="addresses-help" value={text} required onChange={(event) => { setText(event.currentTarget.value); setChecked(undefined); }} />
          </div>
          <div className="actions">
            <button type="submit" disabled={invite.isPending || text.trim() === ""}>{checked ? words.send : words.check}</button>
            <span role="status">{checked ? fill(words.checked, { added: checked.added, unchanged: checked.unchanged }) : sent ? fill(words.invited, { added: sent }) : ""}</span>
          </div>
          <div role="alert">
            {invite.error && <p className="fault">{said(invite.error, words)}</p>}
            {faults.length > 0 && <ul>{faults.map((one) => <li key={`${one.row}-${one.fault}`}>{fill(words.row, { n: one.row, fault: `${one.fault.replaceAll("_", " ")} ${one.arguments.join(", ")}` })}</li>)}</ul>}
          </div>
        </form>
      </section>
      <section aria-labelledby="invited">
        <h3 id="invited">{words.invitedList}</h3>
        <Read of={[id, "participants"]} read={() => space.participants(id)}>
          {(people) =>
            people.length === 0 ? <p className="nothing">{words.noParticipants}</p> : (
              <div className="scroll" role="region" aria-label={words.invitedList} tabIndex={0}>
                <table>
                  <caption className="unseen">{words.invitedList}</caption>
                  <thead><tr><th scope="col">{words.email}</th><th scope="col">{words.league}</th><th scope="col">{words.invitedAt}</th></tr></thead>
                  <tbody>{people.slice(0, 500).map((one) => <tr key={one.email + one.league}><th scope="row">{one.email}</th><td>{one.league}</td><td>{speech.dayOf(one.invited_at)}</td></tr>)}</tbody>
                </table>
              </div>
            )
          }
        </Read>
      </section>
    </>
  );
}

export function Staff() {
  const { space, participation, speech } = useHere();
  const { words } = speech;
  const queries = useQueryClient();
  const organisation = participation.organisation_id;
  const anew = () => void queries.invalidateQueries({ queryKey: ["staff", organisation] });
  const remove = useMutation({ mutationFn: (who: { account_id?: string; invitation_id?: number }) => space.removeStaff(organisation, who), onSettled: anew });
  const asked = (name: string, who: { account_id?: string; invitation_id?: number }) => {
    if (confirm(fill(words.removeSure, { name }))) remove.mutate(who);
  };
  return (
    <>
      <Read of={["staff", organisation]} read={async () => ({ members: await space.staff(organisation), invitations: await space.invitations(organisation) })}>
        {({ members, invitations }) => (
          <div className="scroll" role="region" aria-label={words.views.staff} tabIndex={0}>
            <table>
              <caption className="unseen">{words.views.staff}</caption>
              <thead><tr><th scope="col">{words.email}</th><th scope="col">{words.role}</th><th scope="col">{words.until}</th><th scope="col"><span className="unseen">{words.remove}</span></th></tr></thead>
              <tbody>
                {members.map((one) => (
                  <tr key={one.account_id}>
                    <th scope="row">{one.email}{one.is_me && <small>{words.me}</small>}</th><td>{words.roles[one.role]}</td><td>{speech.lastDayOf(one.access_until)}</td>
                    <td>{one.role !== "owner" && <button type="button" aria-label={`${words.remove} ${one.email}`} onClick={() => asked(one.email, { account_id: one.account_id })}>{words.remove}</button>}</td>
                  </tr>
                ))}
                {invitations.map((one) => (
                  <tr key={`invitation-${one.invitation_id}`}>
                    <th scope="row">{one.email}<small>{words.waiting}</small></th><td>{words.roles[one.role]}</td><td>{speech.lastDayOf(one.access_until)}</td>
                    <td>{one.role !== "owner" && <button type="button" aria-label={`${words.remove} ${one.email}`} onClick={() => asked(one.email, { invitation_id: one.invitation_id })}>{words.remove}</button>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Read>
      <div role="alert">{remove.error && <p className="fault">{said(remove.error, words)}</p>}</div>
      <section className="card" aria-labelledby="invite-staff">
        <h3 id="invite-staff">{words.inviteStaff}</h3>
        <Form
          button={words.inviteStaff}
          done={anew}
          act={async (given) => {
            const email = String(given.get("staff-email")).trim();
            await space.inviteStaff(organisation, email, given.get("staff-role") as Role);
            return fill(words.staffInvited, { email });
          }}
        >
          <Field name="staff-email" type="email" label={words.email} autoComplete="off" required />
          <div className="row">
            <label htmlFor="staff-role">{words.role}</label>
            <select id="staff-role" name="staff-role" defaultValue="viewer"><option value="viewer">{words.roles.viewer}</option><option value="manager">{words.roles.manager}</option></select>
          </div>
        </Form>
      </section>
    </>
  );
}
