import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "./api";
import { App } from "./app";
import { SpeechContext } from "./context";
import { Speech, chooseLanguage } from "./speech";

const speech = new Speech(chooseLanguage());
document.documentElement.lang = speech.language;
document.title = `${speech.words.title} · ${speech.words.brand}`;
const root = document.getElementById("app");
if (root) {
  const shown = createRoot(root);
  const queries = new QueryClient({ defaultOptions: { queries: { retry: 1, staleTime: 5_000 } } });
  fetch(new URL("config.json", document.baseURI), { cache: "no-cache" })
    .then(async (answer) => {
      if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
      const client = connect((await answer.json()) as { url: string; publishableKey: string }, speech.language);
      shown.render(
        <StrictMode>
          <SpeechContext value={speech}>
            <QueryClientProvider client={queries}>
              <App client={client} />
            </QueryClientProvider>
          </SpeechContext>
        </StrictMode>,
      );
    })
    .catch(() => shown.render(<main className="inside"><p role="alert">{speech.words.failed}</p></main>));
}
