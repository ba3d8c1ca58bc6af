/** What the page shows, as its address says it: links can be kept, sent, and gone back to. */
import { LEVELS, SCOPES, type Cursor, type Edition, type Level, type Scope } from "./api";

export interface Place {
  edition: string | null;
  scope: Scope | null;
  level: Level | null;
  after: Cursor | null;
  query: string;
  ceremony: boolean;
}

export function readPlace(search: string): Place {
  const given = new URLSearchParams(search);
  const scope = given.get("scope");
  const level = given.get("level");
  const after = given.get("after");
  return {
    edition: given.get("edition"),
    scope: SCOPES.find((known) => known === scope) ?? null,
    level: LEVELS.find((known) => known === level) ?? null,
    after: after && /^-?\d+\.\d+\.[0-9a-f-]{36}$/.test(after) ? (after as Cursor) : null,
    query: given.get("q") ?? "",
    ceremony: given.has("ceremony"),
  };
}

export function addressOf(place: Place): string {
  const given = new URLSearchParams();
  if (place.edition) given.set("edition", place.edition);
  if (place.scope) given.set("scope", place.scope);
  if (place.level) given.set("level", place.level);
  if (place.query) given.set("q", place.query);
  else if (place.after) given.set("after", place.after);
  if (place.ceremony) given.set("ceremony", "");
  const language = new URLSearchParams(location.search).get("lang");
  if (language) given.set("lang", language);
  return `?${given}`;
}

/** What an edition ranks: classes and schools where schools play. */
export function scopesOf(edition: Edition): readonly Scope[] {
  return edition.audience === "school" ? ["class", "school", "team"] : ["player", "team", "league"];
}

/** The edition that is looked at first: the one that runs, else the latest that has begun. */
export function firstEdition(editions: readonly Edition[]): Edition | undefined {
  return editions.find((e) => e.phase === "running") ?? editions.find((e) => e.phase !== "registration") ?? editions[0];
}
