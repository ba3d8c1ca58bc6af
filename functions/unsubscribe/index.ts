// Leaving a mailing in one click (RFC 8058): the address in the List-Unsubscribe header and in the foot of each mail.
//
// POST does it: a mail program sends it without a key and without a session, and so does the button of the page.
// GET only shows the page with that button, because link checkers open every address of a mail. The token in the
// address is all there is; known or not, the answer is the same, and so it says what holds for either: a link that was
// cut short on its way unsubscribes nobody. Nothing is imported, logged or stored.

type Language = "fr" | "en";

interface Words {
  title: string;
  question: string;
  button: string;
  done: string;
  doneText: string;
  failed: string;
  failedText: string;
}

const WORDS: Record<Language, Words> = {
  fr: {
    title: "Se désabonner",
    question: "Ne plus recevoir ce type de messages de Ma Petite Planète ?",
    button: "Me désabonner",
    done: "C’est noté",
    doneText:
      "Si le lien était entier, vous ne recevrez plus ce type de messages, et vous pouvez fermer cette page. " +
      "S’il en arrive encore un, ouvrez le lien au bas de ce message.",
    failed: "Un instant…",
    failedText: "Votre demande n’a pas pu être enregistrée. Réessayez dans quelques minutes.",
  },
  en: {
    title: "Unsubscribe",
    question: "Stop getting this kind of message from Ma Petite Planète?",
    button: "Unsubscribe me",
    done: "Noted",
    doneText:
      "If the link was whole, you will not get this kind of message any more, and you can close this page. " +
      "Should another one come, open the link at its foot.",
    failed: "One moment…",
    failedText: "Your request could not be recorded. Please try again in a few minutes.",
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
  "main{max-width:30rem;margin:auto;padding:2rem;background:#fff;border-radius:10px}h1{margin:0 0 1rem;font-size:1.5rem}" +
  "button{padding:.75rem 1.5rem;border:0;border-radius:8px;background:#1f6b3a;color:#fff;font:inherit;font-weight:bold;cursor:pointer}";

function page(language: Language, title: string, text: string, button = ""): string {
  // Without an action the form goes where the page came from, token included: it is never written into the page.
  const form = button && `<form method="post"><button>${button}</button></form>`;
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

async function unsubscribe(token: string): Promise<boolean> {
  try {
    const answer = await fetch(`${Deno.env.get("SUPABASE_URL")}/rest/v1/rpc/unsubscribe`, {
      method: "POST",
      headers: { apikey: publishableKey(), "Content-Type": "application/json", "Content-Profile": "api" },
      body: JSON.stringify({ token }),
      signal: AbortSignal.timeout(10_000),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

Deno.serve(async (request: Request): Promise<Response> => {
  const language = languageOf(request);
  const words = WORDS[language];
  const headers = { ...HEADERS, "Content-Language": language };
  if (request.method === "GET" || request.method === "HEAD") {
    const shown = page(language, words.title, words.question, words.button);
    return new Response(request.method === "HEAD" ? null : shown, { headers });
  }
  if (request.method !== "POST") {
    return new Response(null, { status: 405, headers: { Allow: "GET, HEAD, POST" } });
  }
  // What a mail program writes in the body (List-Unsubscribe=One-Click) says nothing more than the method.
  await request.body?.cancel();
  const token = new URL(request.url).searchParams.get("token") ?? "";
  // Only what may be a token of ours is asked about; the rest is answered alike.
  if (/^[0-9a-f]{64}$/.test(token) && !(await unsubscribe(token))) {
    const sorry = page(language, words.failed, words.failedText, words.button);
    return new Response(sorry, { status: 503, headers: { ...headers, "Retry-After": "300" } });
  }
  return new Response(page(language, words.done, words.doneText), { headers });
});
