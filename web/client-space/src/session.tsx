/** Coming in: by mail link or password, with the second factor of whoever has one, and by the code of an invitation. */
import { useState, type FormEvent, type ReactNode } from "react";
import type { Client, Space } from "./api";
import { said, useSpeech } from "./context";
import { fill } from "./speech";

export function Field({ label, help, ...input }: { label: string; help?: string } & React.InputHTMLAttributes<HTMLInputElement>) {
  const id = `field-${input.name}`;
  return (
    <div className="row">
      <label htmlFor={id}>{label}</label>
      {help && <p className="note" id={`${id}-help`}>{help}</p>}
      <input id={id} {...input} aria-describedby={help ? `${id}-help` : undefined} />
    </div>
  );
}

/** A form that does one thing: its button waits, and what went wrong is said. */
export function Form({ act, button, children, done }: { act: (given: FormData) => Promise<string | void>; button: string; children: ReactNode; done?: () => void }) {
  const { words } = useSpeech();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const [message, setMessage] = useState("");
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    setBusy(true);
    setFault("");
    setMessage("");
    try {
      setMessage((await act(new FormData(form))) ?? "");
      form.reset();
      done?.();
    } catch (error) {
      setFault(error instanceof Refused ? error.message : said(error, words));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      {children}
      <div className="actions"><button type="submit" disabled={busy}>{button}</button></div>
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      <div role="status">{message && <p className="done-message">{message}</p>}</div>
    </form>
  );
}

/** What the form itself says no to, in words of the page. */
export class Refused extends Error {}

export function SignIn({ client }: { client: Client }) {
  const { words } = useSpeech();
  const [by, setBy] = useState<"link" | "password">("link");
  return (
    <section className="card" aria-labelledby="sign-in">
      <h2 id="sign-in">{words.signIn}</h2>
      {by === "link" ? (
        <Form
          key="link"
          button={words.withLink}
          act={async (given) => {
            const { error } = await client.auth.signInWithOtp({
              email: String(given.get("email")).trim(),
              options: { shouldCreateUser: true, emailRedirectTo: location.href.split(/[?#]/)[0] ?? "" },
            });
            if (error) throw error.status ? new Refused(error.message) : error;
            return words.linkSent;
          }}
        >
          <Field name="email" type="email" autoComplete="email" required label={words.email} />
        </Form>
      ) : (
        <Form
          key="password"
          button={words.signIn}
          act={async (given) => {
            const { error } = await client.auth.signInWithPassword({ email: String(given.get("email")).trim(), password: String(given.get("password")) });
            if (error) throw error.status === 400 ? new Refused(words.wrong) : error.status ? new Refused(error.message) : error;
          }}
        >
          <Field name="email" type="email" autoComplete="email" required label={words.email} />
          <Field name="password" type="password" autoComplete="current-password" required label={words.password} />
        </Form>
      )}
      <p><button type="button" onClick={() => setBy(by === "link" ? "password" : "link")}>{by === "link" ? words.withPassword : words.withLink}</button></p>
      <p className="note">{words.newHere}</p>
    </section>
  );
}

const SIX = { inputMode: "numeric", autoComplete: "one-time-code", pattern: "[0-9]{6}", maxLength: 6, required: true } as const;

/** The code of a factor that the account has. */
export function SecondFactor({ client, done }: { client: Client; done: () => void }) {
  const { words } = useSpeech();
  return (
    <section className="card" aria-labelledby="factor">
      <h2 id="factor">{words.factor}</h2>
      <p>{words.factorAsk}</p>
      <Form
        button={words.confirm}
        done={done}
        act={async (given) => {
          const { data, error } = await client.auth.mfa.listFactors();
          const factor = data?.totp[0];
          if (error || !factor) throw error ?? new Refused(words.failed);
          await verify(client, factor.id, String(given.get("code")), words.factorWrong);
        }}
      >
        <Field name="code" label={words.factorCode} {...SIX} />
      </Form>
    </section>
  );
}

/** A first factor for an account whose role asks for one. */
export function Enrol({ client, done }: { client: Client; done: () => void }) {
  const { words } = useSpeech();
  const [made, setMade] = useState<{ id: string; picture: string; secret: string }>();
  return (
    <section className="card" aria-labelledby="enrol">
      <h2 id="enrol">{words.enrol}</h2>
      <p>{words.enrolWhy}</p>
      {made ? (
        <Form button={words.confirm} done={done} act={(given) => verify(client, made.id, String(given.get("code")), words.factorWrong)}>
          <img className="code" src={made.picture} alt={fill(words.enrolKey, { key: made.secret })} />
          <p><code>{fill(words.enrolKey, { key: made.secret })}</code></p>
          <Field name="code" label={words.factorCode} {...SIX} />
        </Form>
      ) : (
        <Form
          button={words.enrol}
          act={async () => {
            const { data, error } = await client.auth.mfa.enroll({ factorType: "totp", friendlyName: `${words.title} ${new Date().toISOString()}` });
            if (error) throw error.status ? new Refused(error.message) : error;
            setMade({ id: data.id, picture: data.totp.qr_code, secret: data.totp.secret });
          }}
        >{null}</Form>
      )}
    </section>
  );
}

async function verify(client: Client, factorId: string, code: string, wrong: string): Promise<void> {
  const { error } = await client.auth.mfa.challengeAndVerify({ factorId, code });
  if (error) throw error.status ? new Refused(wrong) : error;
}

export function Invitation({ space, done }: { space: Space; done: () => void }) {
  const { words } = useSpeech();
  return (
    <section className="card" aria-labelledby="invitation">
      <h2 id="invitation">{words.invitation}</h2>
      <Form button={words.accept} done={done} act={async (given) => void (await space.acceptInvitation(String(given.get("invitation")).trim()))}>
        <Field name="invitation" label={words.invitationCode} autoComplete="off" spellCheck={false} required />
      </Form>
    </section>
  );
}

