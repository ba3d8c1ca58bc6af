/** Charts: each a figure with its finding in a sentence, and its data in a table. */
import { scaleBand, scaleLinear } from "d3-scale";
import { area, curveMonotoneX, line } from "d3-shape";
import type { ReactNode } from "react";
import { useSpeech } from "./context";

const WIDTH = 640;

function Figure({ finding, table, children }: { finding: string; table: ReactNode; children: ReactNode }) {
  const { words } = useSpeech();
  return (
    <figure className="chart">
      <figcaption>{finding}</figcaption>
      {children}
      <details>
        <summary>{words.download2}</summary>
        {table}
      </details>
    </figure>
  );
}

export function DataTable({ caption, head, rows }: { caption: string; head: readonly string[]; rows: readonly (readonly (string | number)[])[] }) {
  return (
    <div className="scroll" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption className="unseen">{caption}</caption>
        <thead>
          <tr>
            {head.map((title, at) => (
              <th key={title} scope="col" className={at ? "n" : ""}>{title}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={String(row[0])}>
              {row.map((cell, at) => (at === 0 ? <th key={at} scope="row">{cell}</th> : <td key={at} className="n">{cell}</td>))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export interface Point {
  label: string;
  name: string;
  value: number;
}

/** One value after the other in time: a line over its area, with every day of the span. */
export function TimeChart({ finding, caption, head, points }: { finding: string; caption: string; head: readonly [string, string]; points: readonly Point[] }) {
  const { count } = bound(useSpeech());
  const height = 240;
  const x = scaleLinear([0, Math.max(1, points.length - 1)], [44, WIDTH - 12]);
  const y = scaleLinear([0, Math.max(1, ...points.map((p) => p.value))], [height - 24, 12]).nice(4);
  const shape = area<Point>((_, at) => x(at), y(0), (p) => y(p.value)).curve(curveMonotoneX)(points as Point[]) ?? "";
  const top = line<Point>((_, at) => x(at), (p) => y(p.value)).curve(curveMonotoneX)(points as Point[]) ?? "";
  const every = Math.ceil(points.length / 8);
  return (
    <Figure finding={finding} table={<DataTable caption={caption} head={head} rows={points.map((p) => [p.name, count(p.value)])} />}>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} aria-hidden="true" focusable="false">
        {y.ticks(4).map((tick) => (
          <g key={tick}>
            <line x1={44} x2={WIDTH - 12} y1={y(tick)} y2={y(tick)} />
            <text x={38} y={y(tick) + 4} textAnchor="end">{count(tick)}</text>
          </g>
        ))}
        <path className="area" d={shape} />
        <path className="line" d={top} />
        {points.map((p, at) => at % every === 0 && <text key={p.label} x={x(at)} y={height - 6} textAnchor="middle">{p.label}</text>)}
      </svg>
    </Figure>
  );
}

/** A value for each of a few things in a row; null is a value that is withheld. */
export function ColumnChart({ finding, caption, head, rows }: { finding: string; caption: string; head: readonly [string, string]; rows: readonly { label: string; name: string; value: number | null }[] }) {
  const { count } = bound(useSpeech());
  const height = 240;
  const x = scaleBand(rows.map((r) => r.label), [8, WIDTH - 8]).padding(0.35);
  const y = scaleLinear([0, Math.max(1, ...rows.map((r) => r.value ?? 0))], [height - 26, 22]);
  return (
    <Figure finding={finding} table={<DataTable caption={caption} head={head} rows={rows.map((r) => [r.name, count(r.value)])} />}>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} aria-hidden="true" focusable="false">
        <line x1={8} x2={WIDTH - 8} y1={height - 26} y2={height - 26} />
        {rows.map((r) => {
          const middle = (x(r.label) ?? 0) + x.bandwidth() / 2;
          return (
            <g key={r.label}>
              {r.value !== null && <rect className="bar-mark" x={x(r.label)} width={x.bandwidth()} y={y(r.value)} height={height - 26 - y(r.value)} rx={3} />}
              <text x={middle} y={y(r.value ?? 0) - 6} textAnchor="middle">{count(r.value)}</text>
              <text x={middle} y={height - 6} textAnchor="middle">{r.label}</text>
            </g>
          );
        })}
      </svg>
    </Figure>
  );
}

/** Named things by one value, the largest first. */
export function BarChart({ finding, caption, head, rows }: { finding: string; caption: string; head: readonly string[]; rows: readonly { name: string; value: number; more: readonly number[] }[] }) {
  const { count } = bound(useSpeech());
  const step = 34;
  const x = scaleLinear([0, Math.max(1, ...rows.map((r) => r.value))], [0, WIDTH - 70]);
  return (
    <Figure finding={finding} table={<DataTable caption={caption} head={head} rows={rows.map((r) => [r.name, count(r.value), ...r.more.map(count)])} />}>
      <svg viewBox={`0 0 ${WIDTH} ${rows.length * step}`} aria-hidden="true" focusable="false">
        {rows.map((r, at) => (
          <g key={r.name}>
            <text x={0} y={at * step + 13}>{r.name}</text>
            <rect className="bar-mark" x={0} y={at * step + 18} width={Math.max(1, x(r.value))} height={10} rx={2} />
            <text x={x(r.value) + 8} y={at * step + 27}>{count(r.value)}</text>
          </g>
        ))}
      </svg>
    </Figure>
  );
}

function bound(speech: ReturnType<typeof useSpeech>) {
  return { count: (n: number | null) => speech.count(n) };
}
