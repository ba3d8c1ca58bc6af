/** The words of the client space, and how each language writes numbers and days. */
import WORDS from "./words.json";

export type Language = keyof typeof WORDS;
export const LANGUAGES = ["fr", "en"] as const satisfies readonly Language[];
export type Translated = { fr: string; en?: string; de?: string };

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

const STYLES = {
  long: { day: "numeric", month: "long", year: "numeric" },
  short: { day: "numeric", month: "numeric" },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

export class Speech {
  readonly words: (typeof WORDS)["fr"];
  private readonly numbers: Intl.NumberFormat;
  private readonly signed: Intl.NumberFormat;
  private readonly decimals: Intl.NumberFormat;

  constructor(readonly language: Language) {
    this.words = WORDS[language];
    this.numbers = new Intl.NumberFormat(language);
    this.signed = new Intl.NumberFormat(language, { signDisplay: "exceptZero" });
    this.decimals = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  }

  /** A number of people or of what they did; null is a number that is withheld, because few are known persons. */
  count(value: number | null): string {
    return value === null ? this.words.suppressed : this.numbers.format(value);
  }

  change(value: number): string {
    return this.signed.format(value);
  }

  average(value: number | null): string {
    return value === null ? this.words.none : this.decimals.format(value);
  }

  text(translated: Translated): string {
    return translated[this.language] ?? translated.fr;
  }

  /** A civil day (2026-06-08), whatever the zone of the browser. */
  day(day: string, style: keyof typeof STYLES = "long"): string {
    return this.written(new Date(`${day}T00:00:00Z`), style, "UTC");
  }

  /** An instant as a day in Paris, where the association is. */
  dayOf(instant: string, style: keyof typeof STYLES = "long"): string {
    return this.written(new Date(instant), style, "Europe/Paris");
  }

  /** The last whole day before an instant: an access that ends at midnight ends with the day before. */
  lastDayOf(instant: string): string {
    return this.dayOf(new Date(Date.parse(instant) - 1).toISOString());
  }

  private written(at: Date, style: keyof typeof STYLES, timeZone: string): string {
    const text = new Intl.DateTimeFormat(this.language, { ...STYLES[style], timeZone }).format(at);
    return this.language === "fr" && style === "long" ? text.replace(/^1 /, "1er ") : text;
  }

  time(at: number): string {
    return new Intl.DateTimeFormat(this.language, { hour: "2-digit", minute: "2-digit" }).format(at);
  }
}

export function chooseLanguage(): Language {
  const asked = [new URLSearchParams(location.search).get("lang") ?? "", ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase());
  return asked.includes("en") && !asked.slice(0, asked.indexOf("en")).includes("fr") ? "en" : "fr";
}
