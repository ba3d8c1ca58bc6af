import outlinesAddress from "../../../mpp_supabase/reports/france.json?url";
import { useState } from "preact/hooks";
import type { Api, Cell, Edition } from "./api";
import { useLoaded } from "./data";
import { fill, type Speech } from "./words";

interface France {
  width: number;
  height: number;
  /** The name and the outline of each department, by its code. */
  outlines: Record<string, [string, string]>;
}

/** Colours from few to many, as classes of the stylesheet: each stands for about as many departments. */
const STEPS = 5;

/** Where people play: a map of the French departments, its finding in a sentence, its figures in a table. */
export function PlayerMap({ api, edition, speech }: { api: Api; edition: Edition; speech: Speech }) {
  const { words } = speech;
  const [open, setOpen] = useState(false);
  const france = useLoaded(open ? "france" : null, async () => (await (await fetch(outlinesAddress)).json()) as France);
  const cells = useLoaded(open ? `map ${edition.id}` : null, () => api.map(edition.id));
  return (
    <details class="map" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>{words.map}</h2>
      </summary>
      {france.failed || cells.failed ? (
        <p role="status">{words.failed}</p>
      ) : !france.value || !cells.value ? (
        open && <p role="status">{words.loading}</p>
      ) : cells.value.length === 0 ? (
        <p>{words.mapEmpty}</p>
      ) : (
        <Drawn france={france.value} cells={cells.value} speech={speech} />
      )}
    </details>
  );
}

function Drawn({ france, cells, speech }: { france: France; cells: readonly Cell[]; speech: Speech }) {
  const { words } = speech;
  const departments = cells.filter((cell) => cell.department !== null && france.outlines[cell.department]);
  const players = new Map(departments.map((cell) => [cell.department, cell.players]));
  const ordered = departments.map((cell) => cell.players).sort((a, b) => a - b);
  const step = (n: number) => Math.min(STEPS, 1 + Math.floor((ordered.filter((other) => other < n).length / Math.max(1, ordered.length)) * STEPS));
  const most = departments.reduce<Cell | undefined>((best, cell) => (best && best.players >= cell.players ? best : cell), undefined);
  const name = (cell: Cell) =>
    cell.department ? (france.outlines[cell.department]?.[0] ?? cell.department) : cell.country ? speech.country(cell.country) : words.elsewhere;
  const finding = most ? fill(words.mapFinding, { name: name(most), n: speech.count(most.players), departments: departments.length }) : "";
  return (
    <figure>
      <figcaption>{finding}</figcaption>
      <svg viewBox={`0 0 ${france.width} ${france.height}`} aria-hidden="true" focusable="false">
        {Object.entries(france.outlines).map(([code, [label, outline]]) => {
          const n = players.get(code);
          return (
            <path key={code} d={outline} class={n ? `step-${step(n)}` : "step-0"}>
              <title>{n ? `${label} : ${speech.count(n)}` : label}</title>
            </path>
          );
        })}
      </svg>
      <details>
        <summary>{words.mapTable}</summary>
        <table>
          <caption class="unseen">{words.mapTable}</caption>
          <thead>
            <tr>
              <th scope="col">{words.place}</th>
              <th scope="col" class="n">
                {words.players}
              </th>
            </tr>
          </thead>
          <tbody>
            {[...cells]
              .sort((a, b) => b.players - a.players)
              .map((cell) => (
                <tr key={cell.area}>
                  <th scope="row">{name(cell)}</th>
                  <td class="n">{speech.count(cell.players)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
