// Where a guardian agrees that a child appears in the public ranking, refuses, or withdraws: the link in the mail that
// ask_guardian sends.
//
// GET shows what is asked and decides nothing, because link checkers open every address of a mail. POST decides, by the
// button that was pressed. The token in the address is all there is, and only the database knows what it allows. Nothing
// is imported, logged or stored.

type Language = "fr" | "en";
type State = "open" | "granted" | "refused" | "withdrawn" | "expired" | "unknown" | "failed";

interface Question {
  first_name: string;
  state: State;
}

interface Words {
  title: string;
  texts: Record<State, string>;
  agree: string;
  refuse: string;
  withdraw: string;
}

const WORDS: Record<Language, Words> = {
  fr: {
    title: "Votre accord pour {name}",
    texts: {
      open:
        "{name} joue à Ma Petite Planète et demande à apparaître dans le classement public : tout le monde verra son pseudo, " +
        "son équipe et ses points, jamais son prénom, son nom ni son adresse. Sans votre accord, le jeu continue sans " +
        "apparaître en public.",
      granted:
        "Vous êtes d’accord pour que {name} apparaisse dans le classement public. Vous pouvez retirer votre accord ici, à " +
        "tout moment.",
      refused:
        "C’est noté : {name} n’apparaîtra pas dans le classement public. Pour changer d’avis, demandez un nouveau lien à {name}.",
      withdrawn:
        "C’est noté : {name} n’apparaît plus dans le classement public. Pour changer d’avis, demandez un nouveau lien à {name}.",
      expired: "Ce lien n’est plus valable. {name} peut vous en envoyer un autre depuis l’application.",
      unknown: "Ce lien est inconnu. Ouvrez-le en entier, tel qu’il est dans le message.",
      failed: "Votre réponse n’a pas pu être enregistrée. Réessayez dans quelques minutes.",
    },
    agree: "Je suis responsable légal·e et je suis d’accord",
    refuse: "Je ne suis pas d’accord",
    withdraw: "Retirer mon accord",
  },
  en: {
    title: "Your agreement for {name}",
    texts: {
      open:
        "{name} plays Ma Petite Planète and asks to appear in the public ranking: everybody will see the alias, the team and " +
        "the points, never the first name, the last name or the address. Without your agreement the game goes on without " +
        "appearing in public.",
      granted:
        "You agree that {name} appears in the public ranking. You can take your agreement back here at any time.",
      refused: "Noted: {name} will not appear in the public ranking. To change your mind, ask {name} for a new link.",
      withdrawn:
        "Noted: {name} does not appear in the public ranking any more. To change your mind, ask {name} for a new link.",
      expired: "This link is not valid any more. {name} can send you another one from the app.",
      unknown: "This link is not known. Open it whole, as it is in the message.",
      failed: "Your answer could not be recorded. Please try again in a few minutes.",
    },
    agree: "I am a guardian and I agree",
    refuse: "I do not agree",
    withdraw: "Take my agreement back",
  },
};

const HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "no-store",
  "Content-Security-Policy":
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  // The address holds the token: no other site learns it.
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Robots-Tag": "noindex",
};

const STYLE =
  "body{margin:0;padding:10vh 1rem;background:#eef4ef;color:#1c2b1f;font:18px/1.5 Helvetica,Arial,sans-serif}" +
  "main{max-width:34rem;margin:auto;padding:2rem;background:#fff;border-radius:10px}h1{margin:0 0 1rem;font-size:1.5rem}" +
  "button{margin:0 .5rem .5rem 0;padding:.75rem 1.5rem;border:0;border-radius:8px;background:#1f6b3a;color:#fff;font:inherit;" +
  "font-weight:bold;cursor:pointer}button.no{background:#5b665e}";

// A first name is what a child typed.
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function button(decision: string, text: string, kind = ""): string {
  return `<button name="granted" value="${decision}"${kind}>${text}</button>`;
}

function page(language: Language, question: Question): string {
  const words = WORDS[language];
  const name = escaped(question.first_name);
  const buttons = question.state === "open"
    ? button("true", words.agree) + button("false", words.refuse, ' class="no"')
    : question.state === "granted"
    ? button("false", words.withdraw, ' class="no"')
    : "";
  // Without an action the form goes where the page came from, token included: it is never written into the page.
  const form = buttons && `<form method="post">${buttons}</form>`;
  const title = words.title.replaceAll("{name}", name || "…");
  const text = words.texts[question.state].replaceAll("{name}", name);
  return `<!doctype html><html lang="${language}"><head><meta charset="utf-8">` +
    `<meta name="viewport" content="width=device-width"><title>${title}</title><style>${STYLE}</style></head>` +
    `<body><main><h1>${title}</h1><p>${text}</p>${form}</main></body></html>`;
}

function languageOf(request: Request): Language {
  for (const wanted of (request.headers.get("Accept-Language") ?? "").split(",")) {
    const code = wanted.trim().slice(0, 2).toLowerCase();
    if (code === "fr" || code === "en") return code;
  }
  return "fr";
}

function publishableKey(): string {
  const several = Deno.env.get("SUPABASE_PUBLISHABLE_KEYS");
  return (several && JSON.parse(several).default) || Deno.env.get("SUPABASE_PUBLISHABLE_KEY") ||
    Deno.env.get("SUPABASE_ANON_KEY") || "";
}

const UNKNOWN: Question = { first_name: "", state: "unknown" };
const FAILED: Question = { first_name: "", state: "failed" };

async function ask(name: string, given: Record<string, unknown>): Promise<Question> {
  try {
    const answer = await fetch(`${Deno.env.get("SUPABASE_URL")}/rest/v1/rpc/${name}`, {
      method: "POST",
      headers: { apikey: publishableKey(), "Content-Type": "application/json", "Content-Profile": "api" },
      body: JSON.stringify(given),
      signal: AbortSignal.timeout(10_000),
    });
    const said = await answer.json();
    if (answer.ok) return said as Question;
    return said.code === "MP062" ? UNKNOWN : FAILED;
  } catch {
    return FAILED;
  }
}

async function decide(request: Request, token: string): Promise<Question> {
  // The form of the page, and nothing longer.
  const body = await request.text();
  const granted = body.length < 100 ? new URLSearchParams(body).get("granted") : null;
  if (granted !== "true" && granted !== "false") return await ask("guardian_question", { token });
  const decided = await ask("guardian_decide", { token, granted: granted === "true" });
  // The link was used before for something else: the page says for what.
  return decided.state === "unknown" ? await ask("guardian_question", { token }) : decided;
}

Deno.serve(async (request: Request): Promise<Response> => {
  const language = languageOf(request);
  const headers: Record<string, string> = { ...HEADERS, "Content-Language": language };
  if (!["GET", "HEAD", "POST"].includes(request.method)) {
    await request.body?.cancel();
    return new Response(null, { status: 405, headers: { Allow: "GET, HEAD, POST" } });
  }
  const token = new URL(request.url).searchParams.get("token") ?? "";
  // Only what may be a token of ours is asked about.
  const known = /^[0-9a-f]{64}$/.test(token);
  const question = !known
    ? UNKNOWN
    : request.method === "POST"
    ? await decide(request, token)
    : await ask("guardian_question", { token });
  const status = question.state === "failed" ? 503 : question.state === "unknown" ? 404 : 200;
  if (status === 503) headers["Retry-After"] = "300";
  return new Response(request.method === "HEAD" ? null : page(language, question), { status, headers });
});
