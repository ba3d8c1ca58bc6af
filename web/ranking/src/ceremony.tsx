import { useCallback, useEffect, useState } from "preact/hooks";
import type { Api, Edition, Level, Scope } from "./api";
import { useLoaded } from "./data";
import { Planet } from "./figures";
import { Under } from "./ranking";
import type { Speech } from "./words";

const SIZES = [3, 5, 10, 20] as const;
/** How long each rank is looked at when the ceremony plays by itself, in milliseconds. */
const LOOK = 5_000;

/** The ranking for a projector: large, one rank after the other, from the last to the first. */
export function Ceremony({ api, edition, scope, level, speech, leave }: { api: Api; edition: Edition; scope: Scope; level: Level | null; speech: Speech; leave: () => void }) {
  const { words } = speech;
  const [size, setSize] = useState<number>(10);
  const [shown, setShown] = useState(0);
  const [playing, setPlaying] = useState(false);
  const of = scope === "class" || scope === "school" ? level : null;
  const { value, failed } = useLoaded(`ceremony ${edition.id} ${scope} ${of} ${size}`, () => api.page(edition.id, scope, size, of, null));
  const lines = value ?? [];
  const done = shown >= lines.length;

  const reveal = useCallback(() => setShown((n) => Math.min(n + 1, lines.length)), [lines.length]);
  const hide = useCallback(() => setShown((n) => Math.max(n - 1, 0)), []);
  useEffect(() => {
    if (!playing || done) return;
    const timer = setTimeout(reveal, LOOK);
    return () => clearTimeout(timer);
  }, [playing, shown, done, reveal]);
  useEffect(() => {
    if (done) setPlaying(false);
  }, [done]);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const on = event.target instanceof Element ? event.target.tagName : "";
      // A select chooses and a button is pressed by these keys themselves.
      if (event.altKey || event.ctrlKey || event.metaKey || on === "SELECT" || (on === "BUTTON" && event.key === " ")) return;
      const act = { " ": reveal, ArrowRight: reveal, PageDown: reveal, ArrowLeft: hide, PageUp: hide, Escape: leave, a: () => setPlaying((p) => !p), A: () => setPlaying((p) => !p) }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [reveal, hide, leave]);

  const what = speech.scope(scope);
  return (
    <main class="ceremony">
      <header>
        <Planet />
        <div>
          <p class="brand">
            {words.brand} · {speech.text(edition.title)}
          </p>
          <h1>{of ? `${what}, ${speech.level(of)}` : what}</h1>
        </div>
      </header>
      {failed && <p role="status">{words.failed}</p>}
      <ol aria-live="polite" aria-relevant="additions" class={size > 5 ? "many" : "few"}>
        {lines.slice(lines.length - shown).map((row) => (
          <li key={row.subject_id} class={row.rank <= 3 && row.points > 0 ? `top-${row.rank}` : ""}>
            <span class="rank">{speech.rank(row.rank)}</span>
            <span class="name">
              {row.label} <Under row={row} scope={scope} />
            </span>
            <span class="points">
              {scope !== "player" && edition.ranking_basis === "average" ? (
                <>
                  {speech.average(row.points_per_player ?? 0)} <small>{words.average.toLowerCase()}</small>
                </>
              ) : (
                <>
                  {speech.count(row.points)} <small>{words.points.toLowerCase()}</small>
                </>
              )}
            </span>
          </li>
        ))}
      </ol>
      <div class="controls" role="group" aria-label={words.ceremony}>
        <button type="button" class="first" onClick={reveal} disabled={done}>
          {words.reveal}
        </button>
        <button type="button" onClick={hide} disabled={shown === 0}>
          {words.hide}
        </button>
        <button type="button" aria-pressed={playing} onClick={() => setPlaying((p) => !p)} disabled={done}>
          {playing ? words.stop : words.auto}
        </button>
        <label>
          <span>{words.howMany}</span>
          <select
            value={size}
            onChange={(event) => {
              setSize(Number(event.currentTarget.value));
              setShown(0);
            }}
          >
            {SIZES.map((n) => (
              <option key={n} value={n}>
                {n}
              </option>
            ))}
          </select>
        </label>
        <button type="button" onClick={leave}>
          {words.leave}
        </button>
        <span class="keys">{words.keys}</span>
      </div>
    </main>
  );
}
