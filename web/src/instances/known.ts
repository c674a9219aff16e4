import { useCallback, useEffect, useState } from "preact/hooks";
import { get } from "../model/api";
import { type Instance, ordered } from "../model/instances";
import type { Live } from "../model/live";

const LOOK_MS = 5000; // while somebody looks at them
const IDLE_MS = 60_000; // one may come at any time

export interface Known {
  list: Instance[];
  error: unknown;
  /** Counts the answers. */
  turn: number;
}

/** All instances, as the one whose page this is knows them: now and then, and often while they are looked at. */
export function useKnown(live: Live, isLookedAt: boolean): Known {
  const [known, setKnown] = useState<Known>({ list: [], error: undefined, turn: 0 });
  const [back, setBack] = useState(0);
  const again = useCallback(() => setBack((before) => before + 1), []);
  useEffect(() => live.whenBack(again), [live, again]);
  useEffect(() => {
    const control = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (isAsked: boolean): Promise<void> => {
      if (isAsked || (!document.hidden && live.connection !== "paused")) {
        try {
          const list = ordered(await get<Instance[]>("api/instances", control.signal));
          if (!control.signal.aborted) setKnown((before) => ({ list, error: undefined, turn: before.turn + 1 }));
        } catch (error) {
          if (!control.signal.aborted) setKnown((before) => ({ ...before, error }));
        }
      }
      if (!control.signal.aborted) timer = setTimeout(() => void look(false), isLookedAt ? LOOK_MS : IDLE_MS);
    };
    void look(true);
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [isLookedAt, back, live]);
  return known;
}
