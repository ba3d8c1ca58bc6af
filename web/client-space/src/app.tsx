import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState, type MouseEvent, type ReactNode } from "react";
import { Space, type Client, type Organisation, type Participation, type Role } from "./api";
import { HereContext, Read, useLive, useSpeech } from "./context";
import { Enrol, Invitation, SecondFactor, SignIn } from "./session";
import { LANGUAGES, fill } from "./speech";
import { VIEWS, type ViewName } from "./views";

/** Where somebody is on the way in. */
type State = "loading" | "out" | "factor" | "in";

export function App({ client }: { client: Client }) {
  const { words } = useSpeech();
  const queries = useQueryClient();
  const [state, setState] = useState<State>("loading");
  const [email, setEmail] = useState("");
  const space = useMemo(() => new Space(client), [client]);

  useEffect(() => {
    const look = async () => {
      const { data } = await client.auth.getSession();
      setEmail(data.session?.user.email ?? "");
      if (!data.session) {
        queries.clear();
        setState("out");
        return;
      }
      const { data: level } = await client.auth.mfa.getAuthenticatorAssuranceLevel();
      setState(level && level.nextLevel === "aal2" && level.currentLevel !== "aal2" ? "factor" : "in");
    };
    void look();
    // Not awaited inside: the client holds its lock while it calls.
    const { data } = client.auth.onAuthStateChange(() => void setTimeout(() => void look(), 0));
    return () => data.subscription.unsubscribe();
  }, [client, queries]);

  const out = () => void client.auth.signOut({ scope: "local" });
  return (
    <>
      <a className="skip" href="#content">{words.skip}</a>
      {state === "in" ? (
        <Inside space={space} email={email} out={out} />
      ) : (
        <>
          <Head title={words.title}>{state === "factor" && <Account email={email} out={out} />}</Head>
          <main id="content" className="inside">
            {state === "loading" && <p role="status" className="note">{words.loading}</p>}
            {state === "out" && <SignIn client={client} />}
            {state === "factor" && <SecondFactor client={client} done={() => setState("in")} />}
          </main>
        </>
      )}
    </>
  );
}

function Head({ title, line, children }: { title: string; line?: string; children?: ReactNode }) {
  const { words, language } = useSpeech();
  const given = new URLSearchParams(location.search);
  const to = (code: string) => {
    given.set("lang", code);
    return `?${given}`;
  };
  return (
    <header>
      <div className="inside broad">
        <Planet />
        <p className="brand">{words.brand} · {words.title}</p>
        <h1>{title}</h1>
        {line && <p className="line">{line}</p>}
        <div className="choices">
          {children}
          <nav aria-label={words.language}>
            {LANGUAGES.map((code) => (
              <a key={code} lang={code} href={to(code)} aria-current={code === language ? "true" : undefined}>{code === "fr" ? "Français" : "English"}</a>
            ))}
          </nav>
        </div>
      </div>
    </header>
  );
}

function Account({ email, out }: { email: string; out: () => void }) {
  const { words } = useSpeech();
  return (
    <div className="account">
      <span>{fill(words.signedInAs, { email })}</span>
      <button type="button" onClick={out}>{words.signOut}</button>
    </div>
  );
}

function Inside({ space, email, out }: { space: Space; email: string; out: () => void }) {
  const speech = useSpeech();
  const { words } = speech;
  const queries = useQueryClient();
  const organisations = useQuery({ queryKey: ["organisations"], queryFn: () => space.organisations() });
  const participations = useQuery({ queryKey: ["participations"], queryFn: () => space.participations() });
  const [address, setAddress] = useState(() => location.search);
  useEffect(() => {
    const gone = () => setAddress(location.search);
    addEventListener("popstate", gone);
    return () => removeEventListener("popstate", gone);
  }, []);
  const given = new URLSearchParams(address);
  const open = (organisations.data ?? []).filter((one) => one.is_open);
  const parts = (participations.data ?? []).filter((part) => open.some((one) => one.organisation_id === part.organisation_id));
  const part = parts.find((one) => String(one.participation_id) === given.get("part")) ?? parts[0];
  const go = (change: Record<string, string>) => {
    const next = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(change)) next.set(name, value);
    history.pushState(null, "", `?${next}`);
    setAddress(location.search);
  };
  const anew = () => void queries.invalidateQueries();

  if (!part)
    return (
      <>
        <Head title={words.title}><Account email={email} out={out} /></Head>
        <main id="content" className="inside">
          <Read of={["organisations"]} read={() => space.organisations()}>
            {(all) => (participations.isPending && all.some((one) => one.is_open) ? <p role="status" className="note">{words.loading}</p> : <Closed all={all} space={space} anew={anew} />)}
          </Read>
        </main>
      </>
    );
  const role = open.find((one) => one.organisation_id === part.organisation_id)?.role ?? "viewer";
  return (
    <HereContext value={{ space, speech, participation: part, role }}>
      <Head title={part.organisation_name} line={`${speech.text(part.edition_title)} · ${speech.dayOf(part.starts_at)} – ${speech.lastDayOf(part.ends_at)}`}>
        {parts.length > 1 && <Chooser parts={parts} part={part} go={go} />}
        <Account email={email} out={out} />
      </Head>
      <Views key={part.participation_id} name={given.get("view")} kind={open.find((one) => one.organisation_id === part.organisation_id)?.kind ?? ""} role={role} go={go} />
    </HereContext>
  );
}

function Chooser({ parts, part, go }: { parts: readonly Participation[]; part: Participation; go: (change: Record<string, string>) => void }) {
  const speech = useSpeech();
  return (
    <label>
      <span>{speech.words.participation}</span>
      <select value={part.participation_id} onChange={(event) => go({ part: event.currentTarget.value })}>
        {parts.map((one) => (
          <option key={one.participation_id} value={one.participation_id}>{one.organisation_name} · {speech.text(one.edition_title)}</option>
        ))}
      </select>
    </label>
  );
}

/** Why there is nothing to see, and what to do about it. */
function Closed({ all, space, anew }: { all: readonly Organisation[]; space: Space; anew: () => void }) {
  const speech = useSpeech();
  const { words } = speech;
  if (all.some((one) => one.closed_because === "second_factor")) return <Enrol client={space.client} done={anew} />;
  const closed = all.filter((one) => one.closed_because);
  return (
    <>
      <p className="nothing">
        {closed.length === 0
          ? words.noAccess
          : closed.map((one) => (
              <span key={one.organisation_id}>
                {one.closed_because === "not_yet" ? fill(words.notYet, { name: one.name, day: speech.dayOf(one.access_from) }) : fill(words.over, { name: one.name, day: speech.lastDayOf(one.access_until) })}{" "}
              </span>
            ))}
      </p>
      <Invitation space={space} done={anew} />
    </>
  );
}

function Views({ name, kind, role, go }: { name: string | null; kind: string; role: Role; go: (change: Record<string, string>) => void }) {
  const { words } = useSpeech();
  useLive();
  const shown = VIEWS.filter((view) => view.shown(role, kind));
  const view = shown.find((one) => one.name === name) ?? shown[0];
  if (!view) return null;
  const follow = (event: MouseEvent, to: ViewName) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go({ view: to });
  };
  return (
    <>
      <nav className="views" aria-label={words.title}>
        <ul className="inside broad">
          {shown.map((one) => (
            <li key={one.name}><a href={`?view=${one.name}`} aria-current={one === view ? "page" : undefined} onClick={(event) => follow(event, one.name)}>{words.views[one.name]}</a></li>
          ))}
        </ul>
      </nav>
      <main id="content" className="inside broad">
        <section aria-labelledby="view"><h2 id="view">{words.views[view.name]}</h2><view.Content /></section>
      </main>
    </>
  );
}

function Planet() {
  return (
    <svg className="planet" viewBox="0 0 120 120" aria-hidden="true" focusable="false">
      <circle cx="60" cy="62" r="55" fill="none" stroke="#6aa760" strokeWidth="1.5" strokeDasharray="0.1 6" strokeLinecap="round" />
      <circle cx="102" cy="27" r="6" fill="#f2c14e" />
      <g fill="#9a7b5b"><path d="M58 18h4v16h-4z" /><path d="M36 28h3v12h-3z" transform="rotate(-28 37 34)" /><path d="M82 28h3v12h-3z" transform="rotate(28 84 34)" /></g>
      <circle cx="60" cy="17" r="11" fill="#6aa760" /><circle cx="32" cy="25" r="8" fill="#b7d6a4" /><path d="M90 12l11 15-19 3z" fill="#b7d6a4" />
      <circle cx="60" cy="68" r="38" fill="#cfe6ef" />
      <path fill="#6aa760" d="M28 60c6-18 20-24 30-22 9 2 2 10-2 14s-8 3-10 9-12 11-18-1zM70 58c6-6 18-6 24 0s3 18-4 26-14 8-15 0 2-10-2-14-7-8-3-12zM44 84c6-4 14-2 15 4s-5 10-9 9-11-9-6-13z" />
    </svg>
  );
}
