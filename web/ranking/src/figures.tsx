import type { Api, Edition } from "./api";
import { RENEW, useLoaded } from "./data";
import type { Speech } from "./words";

export function Totals({ api, edition, speech }: { api: Api; edition: Edition; speech: Speech }) {
  const { words } = speech;
  const { value } = useLoaded(`totals ${edition.id}`, () => api.totals(edition.id), edition.phase === "running" ? RENEW * 3 : undefined);
  const school = edition.audience === "school";
  const cards: [string, number | null][] = value
    ? school
      ? [
          [words.pupils, value.players],
          [words.scopes.class, value.classes],
          [words.scopes.school, value.schools],
          [words.points, value.points],
        ]
      : [
          [words.players, value.players],
          [words.scopes.league, value.leagues],
          [words.scopes.team, value.teams],
          [words.points, value.points],
        ]
    : [];
  if (value?.challenges) cards.push([words.challengesCount, value.challenges]);
  return (
    <section aria-labelledby="totals-heading" class="totals">
      <h2 id="totals-heading" class="unseen">
        {words.totals}
      </h2>
      <dl class="cards">
        {cards.map(([label, n]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{speech.count(n ?? 0)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** The association's little planet. */
export function Planet() {
  return (
    <svg class="planet" viewBox="0 0 120 120" aria-hidden="true" focusable="false">
      <circle cx="60" cy="62" r="55" fill="none" stroke="#6aa760" stroke-width="1.5" stroke-dasharray="0.1 6" stroke-linecap="round" />
      <circle cx="102" cy="27" r="6" fill="#f2c14e" />
      <g fill="#9a7b5b">
        <path d="M58 18h4v16h-4z" />
        <path d="M36 28h3v12h-3z" transform="rotate(-28 37 34)" />
        <path d="M82 28h3v12h-3z" transform="rotate(28 84 34)" />
      </g>
      <circle cx="60" cy="17" r="11" fill="#6aa760" />
      <circle cx="32" cy="25" r="8" fill="#b7d6a4" />
      <path d="M90 12l11 15-19 3z" fill="#b7d6a4" />
      <circle cx="60" cy="68" r="38" fill="#cfe6ef" />
      <path
        fill="#6aa760"
        d="M28 60c6-18 20-24 30-22 9 2 2 10-2 14s-8 3-10 9-12 11-18-1zM70 58c6-6 18-6 24 0s3 18-4 26-14 8-15 0 2-10-2-14-7-8-3-12zM44 84c6-4 14-2 15 4s-5 10-9 9-11-9-6-13z"
      />
    </svg>
  );
}
