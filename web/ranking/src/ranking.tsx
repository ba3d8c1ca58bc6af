import { useEffect, useRef, useState } from "preact/hooks";
import { LEVELS, MOST_FOUND, cursorAfter, type Api, type Cursor, type Edition, type Level, type Scope, type Standing } from "./api";
import { RENEW, useLoaded } from "./data";
import { scopesOf, type Place } from "./place";
import { session } from "./session";
import { fill, type Speech } from "./words";

const PAGE = 50;

interface Shown {
  api: Api;
  edition: Edition;
  speech: Speech;
}

export function Ranking({ api, edition, scope, place, go, speech }: Shown & { scope: Scope; place: Place; go: (change: Partial<Place>) => void }) {
  const { words } = speech;
  const moves = edition.phase === "running" || edition.phase === "closed";
  const [live, setLive] = useState(moves);
  const level = scope === "class" || scope === "school" ? place.level : null;
  const searching = place.query !== "" && scope !== "team";
  const key = JSON.stringify([edition.id, scope, level, searching ? place.query : place.after]);
  // One row more than is shown tells whether there is a next page.
  const read = () => (searching ? api.search(edition.id, scope, place.query) : api.page(edition.id, scope, PAGE + 1, level, place.after));
  const { value, failed, at, again } = useLoaded(key, read, live && moves ? RENEW : undefined);
  const shown = searching ? value : value?.slice(0, PAGE);
  const last = shown?.at(-1);
  const heading = useRef<HTMLHeadingElement>(null);
  const before = useRef(key);
  useEffect(() => {
    // Whoever turned the page by keyboard or hears it read goes on at its beginning.
    if (before.current !== key) heading.current?.focus();
    before.current = key;
  }, [key]);

  return (
    <section id="ranking" aria-labelledby="ranking-heading">
      <h2 id="ranking-heading" tabIndex={-1} ref={heading}>
        {words.title}
        <span class="unseen"> : {speech.scope(scope)}</span>
      </h2>
      <div class="bar">
        <nav class="tabs" aria-label={words.rankings}>
          {scopesOf(edition).map((s) => (
            <a key={s} href="#ranking" aria-current={s === scope ? "page" : undefined} onClick={(event) => follow(event, () => go({ edition: edition.code, scope: s, after: null, query: "" }))}>
              {speech.scope(s)}
            </a>
          ))}
        </nav>
        {(scope === "class" || scope === "school") && (
          <label class="field">
            <span>{words.level}</span>
            <select value={level ?? ""} onChange={(event) => go({ level: (event.currentTarget.value || null) as Level | null, after: null, query: "" })}>
              <option value="">{words.everyLevel}</option>
              {LEVELS.map((l) => (
                <option key={l} value={l}>
                  {speech.level(l)}
                </option>
              ))}
            </select>
          </label>
        )}
        {scope !== "team" && <Search key={scope} label={words.searchLabels[scope]} query={place.query} speech={speech} go={go} />}
      </div>
      {edition.ranking_basis === "average" && scope !== "player" && <p class="note">{words.byAverage}</p>}
      <p role="status" class={shown && !searching ? "unseen" : "note"}>
        {failed && !shown ? (
          <>
            {words.failed}{" "}
            <button type="button" onClick={again}>
              {words.retry}
            </button>
          </>
        ) : !shown ? (
          words.loading
        ) : searching ? (
          found(shown.length, place.query, speech)
        ) : shown.length === 0 ? (
          words.empty
        ) : (
          ""
        )}
      </p>
      {searching && (
        <p>
          <a href="#ranking" onClick={(event) => follow(event, () => go({ query: "" }))}>
            {words.clear}
          </a>
        </p>
      )}
      {shown && shown.length === 0 && !searching && <p class="nothing">{words.empty}</p>}
      {shown && shown.length > 0 && <Table rows={shown} scope={scope} edition={edition} speech={speech} caption={`${words.title} : ${speech.scope(scope)}`} />}
      <div class="pages">
        {place.after && !searching && (
          <a href="#ranking" onClick={(event) => follow(event, () => go({ after: null }))}>
            {words.top}
          </a>
        )}
        {!searching && value && value.length > PAGE && last && (
          <a class="button" rel="next" href="#ranking" onClick={(event) => follow(event, () => go({ edition: edition.code, scope, after: cursorAfter(last) as Cursor }))}>
            {words.next}
          </a>
        )}
      </div>
      <div class="bar">
        {moves && (
          <label class="check">
            <input type="checkbox" checked={live} onChange={(event) => setLive(event.currentTarget.checked)} /> {words.live}
          </label>
        )}
        {at && (
          <span class="note">{failed ? words.failed : fill(words.updated, { time: speech.time(at) })}</span>
        )}
        <a class="right" href="?ceremony" onClick={(event) => follow(event, () => go({ edition: edition.code, scope, ceremony: true }))}>
          {words.ceremony}
        </a>
      </div>
    </section>
  );
}

function Search({ label, query, speech, go }: { label: string; query: string; speech: Speech; go: (change: Partial<Place>) => void }) {
  const { words } = speech;
  const [text, setText] = useState(query);
  const [short, setShort] = useState(false);
  useEffect(() => setText(query), [query]);
  return (
    <form
      role="search"
      class="field search"
      onSubmit={(event) => {
        event.preventDefault();
        const typed = text.trim();
        setShort(typed.length < 2);
        if (typed.length >= 2) go({ query: typed, after: null });
      }}
    >
      <label for="query">{label}</label>
      <div>
        <input
          id="query"
          type="search"
          maxLength={60}
          autoComplete="off"
          value={text}
          aria-invalid={short || undefined}
          aria-describedby={short ? "query-fault" : undefined}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit">{words.search}</button>
      </div>
      {short && (
        <p id="query-fault" class="fault">
          {words.twoLetters}
        </p>
      )}
    </form>
  );
}

export function Table({ rows, scope, edition, speech, caption }: { rows: readonly Standing[]; scope: Scope; edition: Edition; speech: Speech; caption: string }) {
  const { words } = speech;
  const several = scope !== "player";
  const school = edition.audience === "school";
  return (
    <table class="ranking">
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          <th scope="col" class="n">
            {words.rank}
          </th>
          <th scope="col">{words.names[scope]}</th>
          {scope === "class" && (
            <th scope="col" class="n wide">
              {words.inLevel}
            </th>
          )}
          <th scope="col" class="n">
            {words.points}
          </th>
          {several && (
            <>
              <th scope="col" class="n wide">
                {school ? words.pupils : words.players}
              </th>
              <th scope="col" class="n">
                {words.average}
              </th>
            </>
          )}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.subject_id} class={`${row.rank <= 3 && row.points > 0 ? `top top-${row.rank}` : ""}${row.is_me ? " me" : ""}`}>
            <td class="n">
              <span class="rank">{speech.rank(row.rank)}</span>
            </td>
            <th scope="row">
              {row.label}
              {row.is_me && <span class="mark"> {words.isMe}</span>}
              <Under row={row} scope={scope} />
            </th>
            {scope === "class" && (
              <td class="n wide">
                {row.level_rank && speech.rank(row.level_rank)}
                {row.level && <small> {speech.level(row.level)}</small>}
              </td>
            )}
            <td class="n">{speech.count(row.points)}</td>
            {several && (
              <>
                <td class="n wide">{speech.count(row.players ?? 0)}</td>
                <td class="n">{speech.average(row.points_per_player ?? 0)}</td>
              </>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What stands under a name: the league of a player or a team, the school of a class, the city of a school. */
export function Under({ row, scope }: { row: Standing; scope: Scope }) {
  const text = scope === "class" ? [row.school_label, row.city].filter(Boolean).join(", ") : scope === "school" ? row.city : row.league_label;
  return text ? <small>{text}</small> : null;
}

/** The caller's own place, where somebody is signed in on this site and plays the edition. */
export function Mine({ api, edition, speech }: Shown) {
  const { words } = speech;
  const signedIn = session() !== null;
  const { value } = useLoaded(signedIn ? `mine ${edition.id}` : null, () => api.mine(edition.id, "player"), edition.phase === "running" ? RENEW : undefined);
  if (!value || value.length === 0) return null;
  return (
    <section aria-labelledby="mine-heading">
      <h2 id="mine-heading">{words.me}</h2>
      <Table rows={value} scope="player" edition={edition} speech={speech} caption={words.me} />
    </section>
  );
}

function found(n: number, query: string, { words }: Speech): string {
  const text = n === 0 ? words.foundNone : n === 1 ? words.foundOne : n < MOST_FOUND ? words.foundMany : words.foundManyMore;
  return fill(text, { n, query });
}

/** Follow a link within the page; with a modifier the browser opens it as it always does. */
function follow(event: MouseEvent, act: () => void): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  act();
}
