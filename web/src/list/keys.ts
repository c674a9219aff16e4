import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Row } from "../model/tree";
import { href } from "../parts/route";

interface Actions {
  isActive: boolean;
  list: Row[];
  at: number;
  page: number;
  grid: RefObject<HTMLElement>;
  select: (index: number) => void;
  toggle: (id: number, open?: boolean) => void;
  focusFilter: () => void;
  leaveFilter: () => void;
  pause: () => void;
  shape: () => void;
  help: () => void;
  find: () => void;
  choose: () => void;
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches("input, select, textarea") || target.isContentEditable);
}

/** The keys of the list. Letters only where nothing is being typed. */
export function useKeys(actions: Actions): void {
  // effects run after the next paint: a key that comes before must find the list that was drawn, not the one before it
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const take = (event: KeyboardEvent): void => {
      const now = latest.current;
      if (!now.isActive || event.ctrlKey || event.altKey || event.metaKey) return;
      const done = isTyping(event.target) ? typed(event, now) : pressed(event, now);
      if (done) event.preventDefault();
    };
    addEventListener("keydown", take);
    return () => removeEventListener("keydown", take);
  }, []);
}

function typed(event: KeyboardEvent, actions: Actions): boolean {
  if (event.key === "Escape") actions.leaveFilter();
  else if (event.key === "ArrowDown" || event.key === "Enter") {
    actions.grid.current?.focus();
    actions.select(Math.max(0, actions.list.findIndex((row) => row.isMatch)));
  } else return false;
  return true;
}

function pressed(event: KeyboardEvent, actions: Actions): boolean {
  const row = actions.list[actions.at];
  const isGrid = event.target === actions.grid.current || event.target === document.body;
  switch (event.key) {
    case "/":
      actions.focusFilter();
      return true;
    case "p":
      actions.pause();
      return true;
    case "t":
      actions.shape();
      return true;
    case "f":
      actions.find();
      return true;
    case "c":
      actions.choose();
      return true;
    case "?":
      actions.help();
      return true;
  }
  return isGrid && row ? moved(event.key, row, actions) : false;
}

function moved(key: string, row: Row, actions: Actions): boolean {
  const steps: Record<string, number> = {
    ArrowDown: 1,
    ArrowUp: -1,
    PageDown: actions.page,
    PageUp: -actions.page,
    Home: -actions.list.length,
    End: actions.list.length,
  };
  const step = steps[key];
  if (step !== undefined) actions.select(actions.at + step);
  else if (key === "ArrowRight") {
    if (row.children > 0 && !row.isOpen) actions.toggle(row.process.id, true);
    else if (row.children > 0) actions.select(actions.at + 1);
  } else if (key === "ArrowLeft") {
    if (row.isOpen) actions.toggle(row.process.id, false);
    else actions.select(parentOf(actions.list, actions.at));
  } else if (key === "Enter") location.hash = href(row.process.id);
  else return false;
  return true;
}

function parentOf(list: Row[], at: number): number {
  const level = list[at]?.level ?? 1;
  for (let i = at; i >= 0; i--) if ((list[i]?.level ?? 1) < level) return i;
  return at;
}
