import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { get } from "../model/api";
import { ProblemBox } from "./problem";

export interface Loaded<T> {
  value: T | undefined;
  error: unknown;
  isLoading: boolean;
  again: () => void;
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
  return { value: state.value, error: state.error, isLoading: state.isLoading, again };
}

/** Its value once it is there, and why it isn't where it can't be had. */
export function Show<T>({ loaded, children }: { loaded: Loaded<T>; children: (value: T) => ComponentChildren }) {
  if (loaded.error !== undefined) return <ProblemBox error={loaded.error} again={loaded.again} />;
  if (loaded.value === undefined) return <p class="soft" role="status">{loaded.isLoading ? "Loading …" : ""}</p>;
  return <>{children(loaded.value)}</>;
}
