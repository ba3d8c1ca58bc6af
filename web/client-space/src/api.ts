/** What the client space reads and does: the views and functions of schema `api`, with the session of whoever is signed in. */
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import type { Translated } from "./speech";

export type Role = "owner" | "manager" | "viewer";

export interface Organisation {
  organisation_id: number;
  code: string;
  name: string;
  kind: string;
  role: Role;
  access_from: string;
  access_until: string;
  is_open: boolean;
  closed_because: "not_yet" | "over" | "second_factor" | null;
}

export interface Participation {
  participation_id: number;
  organisation_id: number;
  organisation_name: string;
  edition_id: number;
  edition_code: string;
  edition_title: Translated;
  starts_at: string;
  ends_at: string;
  frozen_at: string | null;
  expected_players: number | null;
}

export interface Overview {
  week: number | null;
  expected_players: number | null;
  players: number | null;
  players_change: number | null;
  active_players: number | null;
  active_players_change: number | null;
  leagues: number | null;
  leagues_change: number | null;
  validations: number | null;
  validations_change: number | null;
  points: number | null;
  points_change: number | null;
  points_per_player: number | null;
}

export interface Day {
  day: string;
  validations: number;
  points: number;
}

export interface Week {
  week: number;
  first_day: string;
  last_day: string;
  new_players: number | null;
  active_players: number | null;
  validations: number | null;
  points: number | null;
}

export type Reason = "no_ambassador" | "not_started" | "quiet" | "few_active" | "falling" | "few_players";

export interface League {
  league_id: string;
  name: string;
  unit: string | null;
  rank: number | null;
  players: number | null;
  active_players: number | null;
  validations: number | null;
  points: number | null;
  points_per_player: number | null;
  points_this_week: number | null;
  last_validated_at: string | null;
  attention: Reason[];
}

export interface Ranked {
  scope: "league" | "unit";
  rank: number | null;
  subject_id: string;
  label: string;
  leagues: number;
  players: number | null;
  points: number | null;
  points_per_player: number | null;
}

export interface Theme {
  theme: string;
  name: Translated;
  validations: number;
  points: number;
}

export interface Place {
  department: string | null;
  players: number | null;
}

export interface TerritoryClass {
  class_id: string;
  class_name: string;
  school: string;
  city: string;
  pupils: number | null;
  points: number;
  points_per_pupil: number | null;
  points_this_week: number | null;
  rank: number;
  general_rank: number;
}

export type Stage = "checkup" | "preparation" | "launching" | "follow_up" | "celebrate";

export interface Task {
  task_id: number;
  participation_id: number;
  stage: Stage;
  code: string;
  title: Translated;
  description: Translated;
  owner: "client" | "association";
  day: string | null;
  until_day: string | null;
  done_at: string | null;
  state: "planned" | "done" | "dropped";
  revision: number;
  changed_at: string;
  last_day: string | null;
  last_until_day: string | null;
}

export interface Participant {
  email: string;
  league: string;
  invited_at: string;
}

export interface StaffMember {
  account_id: string;
  email: string;
  role: Role;
  access_from: string;
  access_until: string;
  is_me: boolean;
}

export interface StaffInvitation {
  invitation_id: number;
  email: string;
  role: Role;
  access_until: string;
  expires_at: string;
  accepted_at: string | null;
}

export interface Award {
  award_id: number;
  title: Translated;
  scope: string;
  label: string;
  league_label: string | null;
}

export interface JoinCode {
  league_id: string;
  name: string;
  unit: string | null;
  join_code: string | null;
}

export interface KitFile {
  path: string;
  name: string;
  size: number;
  own: boolean;
}

export interface ImportOutcome {
  added: number;
  changed: number;
  unchanged: number;
}

/** A refusal of the game (its code, words and hint), or an answer that did not come (no code). */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly hint: string,
    readonly faults: readonly { row: number; fault: string; arguments: readonly unknown[] }[] = [],
  ) {
    super(message);
  }
}

interface Answer {
  data: unknown;
  error: { message: string; code?: string; hint?: string; details?: string } | null;
}

const BUCKET = "client-files";
/** The most rows that the API gives at once. */
const MOST = 1000;

export function connect(config: { url: string; publishableKey: string }, language: string) {
  return createClient(config.url, config.publishableKey, {
    db: { schema: "api" },
    global: { headers: { "Accept-Language": language } },
  });
}

export type Client = ReturnType<typeof connect>;

export class Space {
  constructor(readonly client: Client) {}

  organisations(): Promise<Organisation[]> {
    return this.rows("my_organisations", "organisation_id,code,name,kind,role,access_from,access_until,is_open,closed_because", {}, "name");
  }

  participations(): Promise<Participation[]> {
    return this.rows("client_participations", "*", {}, "starts_at", false);
  }

  async overview(participation: number): Promise<Overview | null> {
    return (await this.rows<Overview>("client_overview", "*", { participation_id: participation }))[0] ?? null;
  }

  days(participation: number): Promise<Day[]> {
    return this.rows("client_daily", "day,validations,points", { participation_id: participation }, "day");
  }

  weeks(participation: number): Promise<Week[]> {
    return this.rows("client_weekly", "*", { participation_id: participation }, "week");
  }

  /** All leagues of a client, which may have thousands: page after page by name. */
  leagues(participation: number): Promise<League[]> {
    return this.all((from, to) => this.view("client_leagues", "*", { participation_id: participation }).order("rank").order("league_id").range(from, to));
  }

  ranking(participation: number): Promise<Ranked[]> {
    return this.all((from, to) => this.view("client_ranking", "*", { participation_id: participation }).order("scope").order("rank").order("subject_id").range(from, to));
  }

  themes(participation: number): Promise<Theme[]> {
    return this.rows("client_themes", "theme,name,validations,points", { participation_id: participation }, "validations", false);
  }

  map(participation: number): Promise<Place[]> {
    return this.rows("client_map", "department,players", { participation_id: participation }, "department");
  }

  territory(participation: number): Promise<TerritoryClass[]> {
    return this.all((from, to) => this.view("client_territory", "*", { participation_id: participation }).order("rank").order("class_id").range(from, to));
  }

  tasks(participation: number): Promise<Task[]> {
    return this.rows("client_stages", "*", { participation_id: participation }, "place");
  }

  participants(participation: number): Promise<Participant[]> {
    return this.all((from, to) => this.view("client_participants", "email,league,invited_at", { participation_id: participation }).order("email").range(from, to));
  }

  codes(participation: number): Promise<JoinCode[]> {
    return this.all((from, to) => this.view("client_join_codes", "league_id,name,unit,join_code", { participation_id: participation }).order("name").order("league_id").range(from, to));
  }

  awards(participation: number): Promise<Award[]> {
    return this.rows("client_awards", "award_id,title,scope,label,league_label", { participation_id: participation }, "place");
  }

  staff(organisation: number): Promise<StaffMember[]> {
    return this.read("client_staff", { organisation_id: organisation });
  }

  async invitations(organisation: number): Promise<StaffInvitation[]> {
    const found = await this.rows<StaffInvitation>("client_invitations", "*", { organisation_id: organisation }, "invited_at");
    return found.filter((one) => one.accepted_at === null);
  }

  plan(participation: number): Promise<unknown> {
    return this.write("plan_participation", { participation_id: participation });
  }

  complete(task: number, done: boolean): Promise<unknown> {
    return this.write("complete_task", { task_id: task, done });
  }

  invite(participation: number, participants: readonly { email: string; league?: string }[], dryRun: boolean): Promise<ImportOutcome> {
    return this.write("invite_participants", { participation_id: participation, participants, dry_run: dryRun });
  }

  inviteStaff(organisation: number, email: string, role: Role): Promise<number> {
    return this.write("invite_staff", { organisation_id: organisation, email, role });
  }

  removeStaff(organisation: number, who: { account_id?: string; invitation_id?: number }): Promise<unknown> {
    return this.write("remove_staff", { organisation_id: organisation, ...who });
  }

  acceptInvitation(code: string): Promise<number> {
    return this.write("accept_staff_invitation", { code });
  }

  async files(organisation: number): Promise<KitFile[]> {
    const listed = async (folder: string): Promise<KitFile[]> => {
      const { data, error } = await this.client.storage.from(BUCKET).list(`${organisation}${folder}`, { limit: 200, sortBy: { column: "name", order: "asc" } });
      if (error) throw new ApiError(error.message, "storage", "");
      const found = await Promise.all(
        data.map(async (row) =>
          row.id === null
            ? folder === "" ? listed(`/${row.name}`) : []
            : [{ path: `${organisation}${folder}/${row.name}`, name: `${folder.slice(1)}${folder ? "/" : ""}${row.name}`, size: Number(row.metadata?.size ?? 0), own: folder === "/own" }],
        ),
      );
      return found.flat();
    };
    return listed("");
  }

  async download(path: string): Promise<Blob> {
    const { data, error } = await this.client.storage.from(BUCKET).download(path);
    if (error) throw new ApiError(error.message, "storage", "");
    return data;
  }

  /** Put a file into the folder of the client's managers, under a name that nobody can guess. */
  async upload(organisation: number, file: File): Promise<void> {
    const dot = file.name.lastIndexOf(".");
    const plain = (dot < 0 ? file.name : file.name.slice(0, dot)).normalize("NFKD").replace(/[^A-Za-z0-9 _-]+/g, "").replace(/ +/g, "-").replace(/^[-_]+|[-_]+$/g, "");
    const name = `${(plain || "file").slice(0, 60)}-${crypto.randomUUID().slice(0, 8)}${dot < 0 ? "" : file.name.slice(dot).toLowerCase()}`;
    const { error } = await this.client.storage.from(BUCKET).upload(`${organisation}/own/${name}`, file, { contentType: file.type });
    if (error) throw new ApiError(error.message, "storage", "");
  }

  async removeFile(path: string): Promise<void> {
    const { error } = await this.client.storage.from(BUCKET).remove([path]);
    if (error) throw new ApiError(error.message, "storage", "");
  }

  private view(name: string, columns: string, equal: Record<string, number>) {
    return this.client.from(name).select(columns).match(equal);
  }

  private async rows<Row>(name: string, columns: string, equal: Record<string, number>, order?: string, ascending = true): Promise<Row[]> {
    const asked = this.view(name, columns, equal);
    return given<Row[]>(await (order ? asked.order(order, { ascending }) : asked));
  }

  private async all<Row>(page: (from: number, to: number) => PromiseLike<Answer>): Promise<Row[]> {
    const found: Row[] = [];
    for (let from = 0; ; from += MOST) {
      const rows = given<Row[]>(await page(from, from + MOST - 1));
      found.push(...rows);
      if (rows.length < MOST) return found;
    }
  }

  private async read<Value>(name: string, values: Record<string, unknown>): Promise<Value> {
    return given<Value>(await this.client.rpc(name, values, { get: true }));
  }

  private async write<Value>(name: string, values: Record<string, unknown>): Promise<Value> {
    return given<Value>(await this.client.rpc(name, values));
  }
}

function given<Value>({ data, error }: Answer): Value {
  if (error) throw new ApiError(error.message, error.code ?? "", error.hint ?? "", faultsOf(error.details));
  return data as Value;
}

function faultsOf(details: string | undefined): ApiError["faults"] {
  try {
    return (JSON.parse(details ?? "{}") as { faults?: ApiError["faults"] }).faults ?? [];
  } catch {
    return [];
  }
}

export type { SupabaseClient };
