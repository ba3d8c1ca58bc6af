/** What the page says: the words that the published pages say too, and how each language writes numbers and days. */
import WORDS from "../../../mpp_supabase/ranking_page/words.json";
import type { Edition, Level, Scope, Translated } from "./api";

export type Language = "fr" | "en" | "de";
export const LANGUAGES: readonly Language[] = ["fr", "en", "de"];

type Words = (typeof WORDS)["fr"];

/** Put values in the places of a text: `{n}` is the value of n. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

export class Speech {
  readonly words: Words;
  private readonly number: Intl.NumberFormat;
  private readonly decimals: Intl.NumberFormat;

  constructor(readonly language: Language) {
    this.words = WORDS[language];
    this.number = new Intl.NumberFormat(language);
    this.decimals = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  }

  count(value: number): string {
    return this.number.format(value);
  }

  average(value: number): string {
    return this.decimals.format(value);
  }

  text(translated: Translated): string {
    return translated[this.language] ?? translated.fr;
  }

  /** "1er", "2e" in French; "1" elsewhere. */
  rank(rank: number): string {
    return this.language === "fr" ? (rank === 1 ? "1er" : `${this.count(rank)}e`) : this.language === "de" ? `${this.count(rank)}.` : this.count(rank);
  }

  scope(scope: Scope): string {
    return this.words.scopes[scope];
  }

  level(level: Level): string {
    return this.words.levels[level];
  }

  /** The civil days of an edition, in its own zone; it ends at the midnight after its last day. */
  dates(edition: Edition): string {
    const day = new Intl.DateTimeFormat(this.language, { day: "numeric", month: "long", year: "numeric", timeZone: edition.time_zone });
    const written = (at: number) => day.format(at).replace(/^1 /, this.words.firstOfMonth ? `${this.words.firstOfMonth} ` : "1 ");
    return fill(this.words.dates, { from: written(Date.parse(edition.starts_at)), to: written(Date.parse(edition.ends_at) - 1) });
  }

  time(at: Date): string {
    return new Intl.DateTimeFormat(this.language, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
  }

  /** The name of a country, as the browser knows it. */
  country(code: string): string {
    return new Intl.DisplayNames([this.language], { type: "region" }).of(code) ?? code;
  }
}

/** The language of the address, else of the browser, else French. */
export function chooseLanguage(search: string, preferred: readonly string[]): Language {
  const asked = [new URLSearchParams(search).get("lang") ?? "", ...preferred].map((tag) => tag.slice(0, 2).toLowerCase());
  return LANGUAGES.find((known) => known === asked.find((tag) => (LANGUAGES as readonly string[]).includes(tag))) ?? "fr";
}
