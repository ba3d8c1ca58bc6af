/** What every view needs: the API, the words, and which part of which client is looked at. */
import { useQuery, useQueryClient, type QueryKey } from "@tanstack/react-query";
import { createContext, use, useEffect, type ReactNode } from "react";
import { ApiError, type Participation, type Role, type Space } from "./api";
import type { Speech } from "./speech";
import { fill } from "./speech";

export interface Here {
  space: Space;
  speech: Speech;
  participation: Participation;
  role: Role;
}

export const HereContext = createContext<Here | null>(null);
export const SpeechContext = createContext<Speech | null>(null);

export function useHere(): Here {
  const here = use(HereContext);
  if (!here) throw new Error("outside of a client");
  return here;
}

export function useSpeech(): Speech {
  const speech = use(SpeechContext);
  if (!speech) throw new Error("outside of the page");
  return speech;
}

/** How often figures are read anew where nothing tells of a change, in milliseconds. */
export const RENEW = 30_000;

/** What a view reads: words while it is on its way, a button where it failed, else what `children` make of it. */
export function Read<Value>({ of, read, live, children }: { of: QueryKey; read: () => Promise<Value>; live?: boolean; children: (value: Value) => ReactNode }) {
  const { words } = useSpeech();
  const found = useQuery({ queryKey: of, queryFn: read, ...(live ? { refetchInterval: RENEW } : {}) });
  if (found.isPending) return <p role="status" className="note">{words.loading}</p>;
  if (found.data === undefined)
    return (
      <p role="alert">
        {said(found.error, words)} <button type="button" onClick={() => void found.refetch()}>{words.retry}</button>
      </p>
    );
  return children(found.data);
}

/** A refusal in the words of the game, or that no answer came. */
export function said(error: unknown, words: Speech["words"]): string {
  return error instanceof ApiError && error.code ? fill(words.error, { message: error.message, hint: error.hint }) : words.failed;
}

/** Read anew what changed when the topic of the client says so. Where no channel opens, views ask again by themselves. */
export function useLive(): void {
  const { space, participation } = useHere();
  const queries = useQueryClient();
  useEffect(() => {
    const channel = space.client.channel(`client:${participation.participation_id}`, { config: { private: true } });
    channel.on("broadcast", { event: "*" }, () => void queries.invalidateQueries({ queryKey: [participation.participation_id] }));
    channel.subscribe();
    return () => void space.client.removeChannel(channel);
  }, [space, participation.participation_id, queries]);
}
