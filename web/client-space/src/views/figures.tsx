/** What a client is told of its players: sums, and never a number of one to four people. */
import outlinesAddress from "../../../../mpp_supabase/reports/france.json?url";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Overview as Figures, Place, Week } from "../api";
import { BarChart, ColumnChart, DataTable, TimeChart, type Point } from "../charts";
import { Read, useHere } from "../context";
import { fill } from "../speech";

export function Overview() {
  const { space, participation, speech } = useHere();
  const { words } = speech;
  const id = participation.participation_id;
  return (
    <>
      <Read of={[id, "overview"]} read={() => space.overview(id)} live>{(found) => found && <Cards of={found} />}</Read>
      <div className="two">
        <section aria-labelledby="daily">
          <h3 id="daily">{words.daily}</h3>
          <Read of={[id, "days"]} read={() => space.days(id)} live>
            {(days) => {
              const best = days.reduce((a, b) => (b.validations > a.validations ? b : a), days[0] ?? { day: "", validations: 0, points: 0 });
              if (days.length === 0) return <p className="nothing">{words.dailyEmpty}</p>;
              return (
                <TimeChart
                  finding={fill(words.dailyFinding, { day: speech.day(best.day), n: speech.count(best.validations) })}
                  caption={words.daily}
                  head={[words.day, words.validations]}
                  points={everyDay(days, (day) => speech.day(day, "short"), (day) => speech.day(day))}
                />
              );
            }}
          </Read>
        </section>
        <section aria-labelledby="attention">
          <h3 id="attention">{words.attention}</h3>
          <Read of={[id, "leagues"]} read={() => space.leagues(id)} live>
            {(leagues) => {
              const needing = leagues.filter((league) => league.attention.length > 0);
              if (needing.length === 0) return <p>{leagues.length ? words.attentionNone : words.leaguesEmpty}</p>;
              return (
                <ul className="advice">
                  {needing.slice(0, 8).map((league) => (
                    <li key={league.league_id}><strong>{league.name}</strong> : {league.attention.map((reason) => words.reasons[reason]).join(", ")}</li>
                  ))}
                </ul>
              );
            }}
          </Read>
        </section>
      </div>
    </>
  );
}

/** Every day from the first to the last: a day without a challenge has no row, and is none. */
function everyDay(days: readonly { day: string; validations: number }[], short: (day: string) => string, long: (day: string) => string): Point[] {
  const known = new Map(days.map((one) => [one.day, one.validations]));
  const points: Point[] = [];
  const last = days.at(-1)?.day ?? "";
  for (let at = Date.parse(`${days[0]?.day}T00:00:00Z`); ; at += 86_400_000) {
    const day = new Date(at).toISOString().slice(0, 10);
    if (!(day <= last)) return points;
    points.push({ label: short(day), name: long(day), value: known.get(day) ?? 0 });
  }
}

function Cards({ of }: { of: Figures }) {
  const { speech } = useHere();
  const { words } = speech;
  const week = (n: number | null) => (n === null || of.week === null ? "" : fill(words.thisWeek, { n: speech.change(n) }));
  const cards: [string, string, string][] = [
    [words.players, speech.count(of.players), of.expected_players === null ? week(of.players_change) : `${fill(words.playersExpected, { n: speech.count(of.expected_players) })} ${week(of.players_change)}`],
    [words.active, speech.count(of.active_players), of.active_players_change === null ? "" : fill(words.changeWeek, { n: speech.change(of.active_players_change) })],
    [words.leaguesCount, speech.count(of.leagues), week(of.leagues_change)],
    [words.validations, speech.count(of.validations), week(of.validations_change)],
    [words.points, speech.count(of.points), week(of.points_change)],
    [words.perPlayer, speech.average(of.points_per_player), ""],
  ];
  return (
    <dl className="cards">
      {cards.map(([label, value, change]) => (
        <div key={label}><dt>{label}</dt><dd>{value}</dd>{change.trim() && <dd className="change">{change}</dd>}</div>
      ))}
    </dl>
  );
}

export function Weeks() {
  const { space, participation, speech } = useHere();
  const { words } = speech;
  const id = participation.participation_id;
  return (
    <Read of={[id, "weeks"]} read={() => space.weeks(id)} live>
      {(weeks) => {
        const last = weeks.at(-1);
        if (!last) return <p className="nothing">{words.weeksEmpty}</p>;
        const dates = (week: Week) => `${fill(words.week, { n: week.week })}, ${fill(words.weekDates, { from: speech.day(week.first_day, "short"), to: speech.day(week.last_day, "short") })}`;
        return (
          <>
            <div className="two">
              <ColumnChart
                finding={fill(words.weeksFinding, { week: last.week, n: speech.count(last.validations) })}
                caption={words.validations}
                head={[words.views.weeks, words.validations]}
                rows={weeks.map((week) => ({ label: fill(words.week, { n: week.week }), name: dates(week), value: week.validations }))}
              />
              <ColumnChart
                finding={fill(words.activeFinding, { week: last.week, n: speech.count(last.active_players) })}
                caption={words.activePlayers}
                head={[words.views.weeks, words.activePlayers]}
                rows={weeks.map((week) => ({ label: fill(words.week, { n: week.week }), name: dates(week), value: week.active_players }))}
              />
            </div>
            <DataTable
              caption={words.views.weeks}
              head={[words.views.weeks, words.newPlayers, words.activePlayers, words.validations, words.points]}
              rows={weeks.map((week) => [dates(week), speech.count(week.new_players), speech.count(week.active_players), speech.count(week.validations), speech.count(week.points)])}
            />
          </>
        );
      }}
    </Read>
  );
}

export function Leagues() {
  const { space, participation, speech, role } = useHere();
  const { words } = speech;
  const id = participation.participation_id;
  return (
    <>
      <Read of={[id, "leagues"]} read={() => space.leagues(id)} live>
        {(leagues) =>
          leagues.length === 0 ? <p className="nothing">{words.leaguesEmpty}</p> : (
            <div className="scroll" role="region" aria-label={words.views.leagues} tabIndex={0}>
              <table>
                <caption className="unseen">{words.views.leagues}</caption>
                <thead>
                  <tr>
                    <th scope="col" className="n">{words.rank}</th><th scope="col">{words.league}</th><th scope="col">{words.attention}</th>
                    <th scope="col" className="n">{words.players}</th><th scope="col" className="n">{words.activePlayers}</th><th scope="col" className="n">{words.points}</th>
                    <th scope="col" className="n">{words.perPlayer}</th><th scope="col" className="n">{words.pointsWeek}</th><th scope="col">{words.lastDay}</th>
                  </tr>
                </thead>
                <tbody>
                  {leagues.map((league) => (
                    <tr key={league.league_id}>
                      <td className="n">{league.rank ?? words.none}</td>
                      <th scope="row">{league.name}{league.unit && <small>{league.unit}</small>}</th>
                      <td><ul className="tags">{league.attention.map((reason) => <li key={reason}>{words.reasons[reason]}</li>)}</ul></td>
                      <td className="n">{speech.count(league.players)}</td><td className="n">{speech.count(league.active_players)}</td><td className="n">{speech.count(league.points)}</td>
                      <td className="n">{speech.average(league.points_per_player)}</td><td className="n">{speech.count(league.points_this_week)}</td>
                      <td className="date">{league.last_validated_at ? speech.dayOf(league.last_validated_at, "short") : words.none}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Read>
      {role !== "viewer" && (
        <details>
          <summary><h3>{words.codes}</h3></summary>
          <Read of={[id, "codes"]} read={() => space.codes(id)}>
            {(codes) => <DataTable caption={words.codes} head={[words.league, words.joinCode]} rows={codes.map((one) => [one.name, one.join_code ?? words.none])} />}
          </Read>
        </details>
      )}
    </>
  );
}

export function Ranking() {
  const { space, participation, speech } = useHere();
  const { words } = speech;
  const id = participation.participation_id;
  return (
    <Read of={[id, "ranking"]} read={() => space.ranking(id)} live>
      {(rows) => {
        const table = (scope: "unit" | "league", title: string) => {
          const of = rows.filter((row) => row.scope === scope);
          if (of.length === 0) return null;
          return (
            <section aria-label={title}>
              <h3>{title}</h3>
              <DataTable caption={title} head={[words.name, words.rank, words.players, words.points, words.perPlayer]} rows={of.map((row) => [row.label, row.rank ?? words.none, speech.count(row.players), speech.count(row.points), speech.average(row.points_per_player)])} />
            </section>
          );
        };
        if (rows.length === 0) return <p className="nothing">{words.leaguesEmpty}</p>;
        return <div className="two">{table("unit", words.units)}{table("league", words.views.leagues)}</div>;
      }}
    </Read>
  );
}

export function Themes() {
  const { space, participation, speech } = useHere();
  const { words } = speech;
  const id = participation.participation_id;
  return (
    <Read of={[id, "themes"]} read={() => space.themes(id)} live>
      {(themes) => {
        const best = themes[0];
        if (!best) return <p className="nothing">{words.themesEmpty}</p>;
        return (
          <BarChart
            finding={fill(words.themesFinding, { name: speech.text(best.name), n: speech.count(best.validations) })}
            caption={words.views.themes}
            head={[words.theme, words.validations, words.points]}
            rows={themes.map((theme) => ({ name: speech.text(theme.name), value: theme.validations, more: [theme.points] }))}
          />
        );
      }}
    </Read>
  );
}

interface France {
  width: number;
  height: number;
  outlines: Record<string, [string, string]>;
}

export function PlayersMap() {
  const { space, participation, speech } = useHere();
  const { words } = speech;
  const id = participation.participation_id;
  const france = useQuery({ queryKey: ["france"], queryFn: async () => (await (await fetch(outlinesAddress)).json()) as France, staleTime: Infinity });
  return (
    <Read of={[id, "map"]} read={() => space.map(id)}>
      {(places) => (places.some((place) => place.department && place.players) ? france.data ? <Drawn france={france.data} places={places} /> : <p role="status">{words.loading}</p> : <p className="nothing">{words.mapEmpty}</p>)}
    </Read>
  );
}

function Drawn({ france, places }: { france: France; places: readonly Place[] }) {
  const { speech } = useHere();
  const { words } = speech;
  const shown = places.filter((place): place is { department: string; players: number } => place.department !== null && place.players !== null).sort((a, b) => b.players - a.players);
  const name = (department: string | null) => (department ? (france.outlines[department]?.[0] ?? department) : words.elsewhere);
  const step = new Map(shown.map((place, at) => [place.department, 5 - Math.floor((at / shown.length) * 5)]));
  const best = shown[0];
  return (
    <figure className="chart">
      <figcaption>{best && fill(words.mapFinding, { name: name(best.department), n: speech.count(best.players) })}</figcaption>
      <svg viewBox={`0 0 ${france.width} ${france.height}`} aria-hidden="true" focusable="false" style={{ maxWidth: "34rem" }}>
        {Object.entries(france.outlines).map(([code, [, outline]]) => <path key={code} d={outline} className={`step-${step.get(code) ?? 0}`} strokeWidth={14} />)}
      </svg>
      <DataTable caption={words.views.map} head={[words.department, words.players]} rows={places.map((place) => [name(place.department), speech.count(place.players)])} />
    </figure>
  );
}

const PAGE = 100;

export function Territory() {
  const { space, participation, speech } = useHere();
  const { words } = speech;
  const [shown, setShown] = useState(PAGE);
  const id = participation.participation_id;
  return (
    <Read of={[id, "territory"]} read={() => space.territory(id)} live>
      {(classes) =>
        classes.length === 0 ? <p className="nothing">{words.territoryEmpty}</p> : (
          <>
            <div className="scroll" role="region" aria-label={words.views.territory} tabIndex={0}>
              <table>
                <caption className="unseen">{words.views.territory}</caption>
                <thead>
                  <tr>
                    <th scope="col" className="n">{words.rank}</th><th scope="col">{words.class}</th><th scope="col" className="n">{words.pupils}</th><th scope="col" className="n">{words.points}</th>
                    <th scope="col" className="n">{words.perPupil}</th><th scope="col" className="n">{words.pointsWeek}</th><th scope="col" className="n">{words.general}</th>
                  </tr>
                </thead>
                <tbody>
                  {classes.slice(0, shown).map((one) => (
                    <tr key={one.class_id}>
                      <td className="n">{one.rank}</td>
                      <th scope="row">{one.class_name}<small>{one.school}, {one.city}</small></th>
                      <td className="n">{speech.count(one.pupils)}</td><td className="n">{speech.count(one.points)}</td>
                      <td className="n">{speech.average(one.points_per_pupil)}</td><td className="n">{speech.count(one.points_this_week)}</td><td className="n">{one.general_rank}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {classes.length > shown && <p><button type="button" onClick={() => setShown(shown + PAGE)}>+ {Math.min(PAGE, classes.length - shown)}</button></p>}
          </>
        )
      }
    </Read>
  );
}

export function Awards() {
  const { space, participation, speech } = useHere();
  const { words } = speech;
  const id = participation.participation_id;
  return (
    <Read of={[id, "awards"]} read={() => space.awards(id)}>
      {(awards) =>
        awards.length === 0 ? <p className="nothing">{words.awardsEmpty}</p> : (
          <div className="scroll" role="region" aria-label={words.views.awards} tabIndex={0}>
            <table>
              <caption className="unseen">{words.views.awards}</caption>
              <thead><tr><th scope="col">{words.award}</th><th scope="col">{words.to}</th></tr></thead>
              <tbody>{awards.map((one) => <tr key={one.award_id}><th scope="row">{speech.text(one.title)}</th><td>{[one.label, one.league_label].filter(Boolean).join(", ")}</td></tr>)}</tbody>
            </table>
          </div>
        )
      }
    </Read>
  );
}
