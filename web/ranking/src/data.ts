/** Reading again and again: what a page shows is renewed while it is looked at, and an answer that did not come is asked for anew. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** How often a ranking that moves is read again, and how long to wait after a failure, in milliseconds. */
export const RENEW = 10_000;
const AFTER_FAILURE = 5_000;

export interface Loaded<T> {
  value: T | undefined;
  failed: boolean;
  at: Date | undefined;
  again: () => void;
}

/**
 * What `read` gives, read anew when `key` changes and, with `every`, again and again while the page is looked at.
 * What was read last stays while the next is on its way; what belongs to another key does not.
 */
export function useLoaded<T>(key: string | null, read: () => Promise<T>, every?: number): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; failed: boolean; at?: Date }>();
  const reader = useRef(read);
  reader.current = read;
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (key === null) return;
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = (milliseconds: number) => {
      timer = setTimeout(() => (document.hidden ? undefined : void load()), milliseconds);
    };
    const load = async () => {
      clearTimeout(timer);
      timer = undefined;
      try {
        const value = await reader.current();
        if (over) return;
        setState({ key, value, failed: false, at: new Date() });
        if (every) wait(every);
      } catch {
        if (over) return;
        setState((before) => ({ ...(before?.key === key ? before : { key }), failed: true }));
        wait(AFTER_FAILURE);
      }
    };
    const shown = () => {
      // Nobody reads for a page that nobody sees.
      if (!document.hidden && every) void load();
    };
    document.addEventListener("visibilitychange", shown);
    void load();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [key, every, round]);
  const again = useCallback(() => setRound((n) => n + 1), []);
  const mine = state?.key === key ? state : undefined;
  return { value: mine?.value, failed: mine?.failed ?? false, at: mine?.at, again };
}
