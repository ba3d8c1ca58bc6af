import { useEffect, useMemo, useState } from "preact/hooks";
import { Api, readConfig, type Edition, type Scope } from "./api";
import { Ceremony } from "./ceremony";
import { RENEW, useLoaded } from "./data";
import { Planet, Totals } from "./figures";
import { PlayerMap } from "./map";
import { firstEdition, addressOf, readPlace, scopesOf, type Place } from "./place";
import { Mine, Ranking } from "./ranking";
import { LANGUAGES, type Speech } from "./words";

export function App({ speech }: { speech: Speech }) {
  const { words } = speech;
  const [place, setPlace] = useState(() => readPlace(location.search));
  const api = useLoaded("config", async () => new Api(await readConfig()));
  const editions = useLoaded(api.value ? "editions" : null, () => api.value!.editions(), RENEW * 6);
  const edition = editions.value?.find((e) => e.code === place.edition) ?? (editions.value && firstEdition(editions.value));

  useEffect(() => {
    const gone = () => setPlace(readPlace(location.search));
    addEventListener("popstate", gone);
    return () => removeEventListener("popstate", gone);
  }, []);
  useEffect(() => {
    document.title = `${edition ? speech.text(edition.title) : words.title} · ${words.brand}`;
  }, [edition, speech]);

  const go = useMemo(
    () => (change: Partial<Place>) => {
      const next = { ...readPlace(location.search), ...change };
      history.pushState(null, "", addressOf(next));
      setPlace(next);
    },
    [],
  );
  const scope: Scope | undefined = edition && (scopesOf(edition).find((s) => s === place.scope) ?? scopesOf(edition)[0]);

  if (edition && api.value && scope && place.ceremony)
    return <Ceremony api={api.value} edition={edition} scope={scope} level={place.level} speech={speech} leave={() => go({ ceremony: false })} />;
  return (
    <>
      <a class="skip" href="#ranking">
        {words.skip}
      </a>
      <Head speech={speech} edition={edition} editions={editions.value ?? []} choose={(code) => go({ edition: code, after: null, query: "", level: null })} />
      <main class="inside">
        {api.value && edition && scope ? (
          <>
            <Totals api={api.value} edition={edition} speech={speech} />
            <Mine api={api.value} edition={edition} speech={speech} />
            <Ranking api={api.value} edition={edition} scope={scope} place={place} go={go} speech={speech} />
            <PlayerMap api={api.value} edition={edition} speech={speech} />
          </>
        ) : (
          <p role="status" class="note">
            {api.failed || editions.failed ? words.failed : editions.value ? words.noEdition : words.loading}
          </p>
        )}
      </main>
      <footer>
        <div class="inside">
          <p>
            {words.equal} {words.notShown}
          </p>
        </div>
      </footer>
    </>
  );
}

function Head({
  speech,
  edition,
  editions,
  choose,
}: {
  speech: Speech;
  edition: Edition | undefined;
  editions: readonly Edition[];
  choose: (code: string) => void;
}) {
  const { words } = speech;
  return (
    <header>
      <div class="inside">
        <Planet />
        <p class="brand">{words.brand}</p>
        <h1>{edition ? speech.text(edition.title) : words.title}</h1>
        {edition && (
          <p class="line">
            {speech.dates(edition)} · <strong>{words.phases[edition.phase]}</strong>
          </p>
        )}
        <div class="choices">
          {editions.length > 1 && edition && (
            <label>
              <span>{words.editions}</span>
              <select value={edition.code} onChange={(event) => choose(event.currentTarget.value)}>
                {editions.map((e) => (
                  <option key={e.id} value={e.code}>
                    {speech.text(e.title)}
                  </option>
                ))}
              </select>
            </label>
          )}
          <nav aria-label={words.language}>
            {LANGUAGES.map((language) => (
              <a key={language} lang={language} hrefLang={language} href={`?${withLanguage(language)}`} aria-current={language === speech.language ? "true" : undefined}>
                {NAMES[language]}
              </a>
            ))}
          </nav>
        </div>
      </div>
    </header>
  );
}

const NAMES = { fr: "Français", en: "English", de: "Deutsch" } as const;

function withLanguage(language: string): string {
  const given = new URLSearchParams(location.search);
  given.set("lang", language);
  return given.toString();
}
