/** The views of a client, in the order of their tabs, and who has each. */
import type { ComponentType } from "react";
import type { Role } from "../api";
import { Awards, Leagues, Overview, PlayersMap, Ranking, Territory, Themes, Weeks } from "./figures";
import { Kit, Participants, Plan, Staff } from "./work";

const always = () => true;
const manages = (role: Role) => role !== "viewer";

export const VIEWS = [
  { name: "overview", Content: Overview, shown: always },
  { name: "weeks", Content: Weeks, shown: always },
  { name: "leagues", Content: Leagues, shown: always },
  { name: "ranking", Content: Ranking, shown: always },
  { name: "themes", Content: Themes, shown: always },
  { name: "map", Content: PlayersMap, shown: always },
  { name: "territory", Content: Territory, shown: (_, kind) => kind === "local_authority" || kind === "school_network" || kind === "public_administration" },
  { name: "plan", Content: Plan, shown: always },
  { name: "kit", Content: Kit, shown: always },
  { name: "participants", Content: Participants, shown: manages },
  { name: "staff", Content: Staff, shown: (role) => role === "owner" },
  { name: "awards", Content: Awards, shown: always },
] as const satisfies readonly { name: string; Content: ComponentType; shown: (role: Role, kind: string) => boolean }[];

export type ViewName = (typeof VIEWS)[number]["name"];
