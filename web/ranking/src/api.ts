/** The public API as this page reads it: what everybody may see, by GET only. */
import { PostgrestClient } from "@supabase/postgrest-js";
import { session } from "./session";

export type Scope = "player" | "team" | "league" | "class" | "school";
export type Searched = Exclude<Scope, "team">;
export const SCOPES: readonly Scope[] = ["player", "team", "league", "class", "school"];
export const LEVELS = ["maternelle", "elementaire", "college", "lycee"] as const;
export type Level = (typeof LEVELS)[number];

/** A text in each language; French is always there. */
export type Translated = { fr: string; en?: string; de?: string };

/** The most lines that a search shows. */
export const MOST_FOUND = 50;

export interface Edition {
  id: number;
  code: string;
  audience: "public" | "school";
  title: Translated;
  phase: "draft" | "registration" | "running" | "closed" | "frozen";
  time_zone: string;
  starts_at: string;
  ends_at: string;
  ranking_basis: "total" | "average";
}

/** A line of a ranking: what its scope has of these columns. */
export interface Standing {
  rank: number;
  level_rank: number | null;
  subject_id: string;
  label: string;
  league_label: string | null;
  level: Level | null;
  school_label: string | null;
  city: string | null;
  classes: number | null;
  points: number;
  players: number | null;
  points_per_player: number | null;
  value: number;
  tie_order: number;
  is_me?: boolean;
}

export interface Totals {
  players: number;
  teams: number;
  leagues: number;
  points: number;
  classes: number | null;
  schools: number | null;
  challenges: number | null;
}

export interface Cell {
  area: string;
  country: string | null;
  department: string | null;
  players: number;
}

/** Where a page of a ranking begins: the sort columns of the last row of the page before. */
export type Cursor = `${number}.${number}.${string}`;

/** Why an answer could not be had; `code` is one of the game's, or empty where none came. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

export interface Config {
  url: string;
  publishableKey: string;
}

export class Api {
  constructor(private readonly config: Config) {}

  /** The editions whose ranking everybody reads, the latest first. */
  async editions(): Promise<Edition[]> {
    const query = this.client()
      .from("editions")
      .select("id,code,audience,title,phase,time_zone,starts_at,ends_at,ranking_basis")
      .eq("is_private", false)
      .order("starts_at", { ascending: false })
      .order("id", { ascending: false })
      .limit(200);
    return rows<Edition>(await query);
  }

  async page(edition: number, scope: Scope, size: number, level: Level | null, after: Cursor | null): Promise<Standing[]> {
    const [value, order, ...subject] = after?.split(".") ?? [];
    const given = after ? { after_value: value, after_tie_order: order, after_subject_id: subject.join(".") } : {};
    const asked = { edition_id: edition, scope, page_size: size, ...(level ? { level } : {}), ...given };
    return rows<Standing>(await this.client().rpc("ranking_page", asked, { get: true }));
  }

  async search(edition: number, scope: Searched, query: string): Promise<Standing[]> {
    return rows<Standing>(await this.client().rpc("search_ranking", { edition_id: edition, scope, query, results: MOST_FOUND }, { get: true }));
  }

  /** The caller with their neighbours; nobody where they do not play. */
  async mine(edition: number, scope: "player" | "team" | "league"): Promise<Standing[]> {
    const token = session();
    if (!token) return [];
    try {
      return rows<Standing>(await this.client(token).rpc("my_rank", { edition_id: edition, scope, neighbours: 2 }, { get: true }));
    } catch (error) {
      if (error instanceof ApiError && error.code !== "") return [];
      throw error;
    }
  }

  async totals(edition: number): Promise<Totals | null> {
    return rows<Totals>(await this.client().from("edition_statistics").select("*").eq("edition_id", edition))[0] ?? null;
  }

  async map(edition: number): Promise<Cell[]> {
    const query = this.client().from("player_map").select("area,country,department,players").eq("edition_id", edition);
    return rows<Cell>(await query.order("area").limit(1000));
  }

  private client(token?: string) {
    return new PostgrestClient(`${this.config.url}/rest/v1`, {
      schema: "api",
      headers: { apikey: this.config.publishableKey, ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    });
  }
}

interface Answer {
  data: unknown;
  error: { message: string; code?: string } | null;
}

function rows<Row>({ data, error }: Answer): Row[] {
  // An answer without a code of the database is none: the server is away, or the network.
  if (error) throw new ApiError(error.message, error.code ?? "");
  return (data ?? []) as Row[];
}

export function cursorAfter(row: Standing): Cursor {
  return `${row.value}.${row.tie_order}.${row.subject_id}`;
}

/** Read `config.json`, which stands beside the page and says where the API is. */
export async function readConfig(): Promise<Config> {
  const answer = await fetch(new URL("config.json", document.baseURI), { cache: "no-cache" });
  if (!answer.ok) throw new ApiError(`config.json: ${answer.status}`, "");
  return (await answer.json()) as Config;
}
