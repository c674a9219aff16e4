import type { ComponentChildren } from "preact";
import { useCallback, useContext, useEffect, useState } from "preact/hooks";
import { get, Problem } from "../model/api";
import { Connection } from "./around";
import { ProblemBox } from "./problem";

export interface Loaded<T> {
  value: T | undefined;
  error: unknown;
  isLoading: boolean;
  again: () => void;
}

/** What failed because nobody answered is asked again when somebody does. */
function useBack(error: unknown, again: () => void): void {
  const live = useContext(Connection);
  const isUnanswered = error instanceof Problem && error.status === 0;
  useEffect(() => (isUnanswered ? live?.whenBack(again) : undefined), [isUnanswered, live, again]);
}

/** One GET, again when its address changes or somebody asks for it. "": none yet. */
export function useGet<T>(url: string): Loaded<T> {
  const [state, setState] = useState<{ value?: T; error?: unknown; isLoading: boolean }>({ isLoading: url !== "" });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (url === "") return undefined;
    const control = new AbortController();
    setState((before) => ({ ...before, isLoading: true }));
    get<T>(url, control.signal).then(
      (value) => setState({ value, isLoading: false }),
      (error: unknown) => {
        if (!control.signal.aborted) setState({ error, isLoading: false });
      },
    );
    return () => control.abort();
  }, [url, turn]);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  useBack(state.error, again);
  return { value: state.value, error: state.error, isLoading: state.isLoading, again };
}

const POLL_MS = 1000;
const POLL_PART = 9; // an answer that takes long is asked for less often: at most a tenth of the time

/** The same GET again and again while the page can be seen and isn't paused. `take` gets each value, and the time at which it was so. */
export function usePoll(url: string, take: (value: unknown, at: number) => void): { error: unknown; isWaiting: boolean; again: () => void } {
  const live = useContext(Connection);
  const [error, setError] = useState<unknown>();
  const [isWaiting, setWaiting] = useState(true);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (isAsked: boolean): Promise<void> => {
      const began = performance.now();
      if (isAsked || (!document.hidden && live?.connection !== "paused")) {
        try {
          const value = await get<unknown>(url, control.signal);
          if (control.signal.aborted) return;
          take(value, (began + performance.now()) / 2);
          setError(undefined);
        } catch (problem) {
          if (control.signal.aborted) return;
          setError(problem);
          if (problem instanceof Problem && problem.status !== 0 && problem.status !== 503) return; // it won't get better by asking
        } finally {
          if (!control.signal.aborted) setWaiting(false);
        }
      }
      timer = setTimeout(() => void look(false), Math.max(POLL_MS, POLL_PART * (performance.now() - began)));
    };
    void look(true);
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [url, turn, live]);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  return { error, isWaiting, again };
}

/** Its value once it is there, and why it isn't where it can't be had. */
export function Show<T>({ loaded, children }: { loaded: Loaded<T>; children: (value: T) => ComponentChildren }) {
  if (loaded.error !== undefined) return <ProblemBox error={loaded.error} again={loaded.again} />;
  if (loaded.value === undefined) return <p class="soft" role="status">{loaded.isLoading ? "Loading …" : ""}</p>;
  return <>{children(loaded.value)}</>;
}
