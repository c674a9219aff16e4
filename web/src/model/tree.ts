import type { Process } from "./processes";

export type Column = "name" | "id" | "user" | "cpu" | "memory" | "threads" | "read" | "written" | "unit" | "command";

export interface Order {
  column: Column;
  descending: boolean;
}

export interface View {
  filter: string;
  order: Order;
  isTree: boolean;
  kernel: boolean;
  collapsed: ReadonlySet<number>;
}

export interface Row {
  process: Process;
  level: number; // 1 is the outermost
  children: number; // 0: a leaf
  isOpen: boolean;
  isMatch: boolean; // else only there for one below
}

/** Numbers are of more interest where they are large. */
export function descendsFirst(column: Column): boolean {
  return column === "cpu" || column === "memory" || column === "threads" || column === "read" || column === "written";
}

function key(process: Process, column: Column): string | number {
  if (column === "unit") return (process.unit ?? process.container ?? "").toLowerCase();
  const value = process[column];
  return typeof value === "string" ? value.toLowerCase() : (value ?? "");
}

export function compare(a: Process, b: Process, order: Order): number {
  const left = key(a, order.column);
  const right = key(b, order.column);
  if (left === right) return a.id - b.id;
  if (left === "" || right === "") return left === "" ? 1 : -1; // what there is comes first
  return (left < right ? -1 : 1) * (order.descending ? -1 : 1);
}

/** Words, all of which must be there; `user:`, `unit:`, `container:`, `is:` look in one place only. */
export function matcher(filter: string): (process: Process) => boolean {
  const tests = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "")
    .map((word) => {
      const [, place, text] = /^(user|unit|container|is|pid):(.*)$/.exec(word) ?? [];
      if (place === undefined || text === undefined) return (process: Process) => process.text.includes(word);
      if (place === "pid") return (process: Process) => process.id.toString() === text;
      if (place === "is") return (process: Process) => isKind(process, text);
      return (process: Process) => (process[place as "user" | "unit" | "container"] ?? "").toLowerCase().includes(text);
    });
  return (process) => tests.every((test) => test(process));
}

function isKind(process: Process, kind: string): boolean {
  if (kind === "stopped") return process.state === "T" || process.state === "t";
  return (process.badges ?? []).includes(kind) || (process.runtime ?? "").toLowerCase().startsWith(kind);
}

/** The rows in the order in which they are shown. Every process is in it once, whatever parents say (a parent may have ended, and pids are used again). */
export function rows(all: ReadonlyMap<number, Process>, view: View): Row[] {
  const matches = matcher(view.filter);
  const shown = [...all.values()].filter((process) => view.kernel || !(process.badges ?? []).includes("kernel"));
  const sorted = shown.sort((a, b) => compare(a, b, view.order));
  if (!view.isTree) {
    return sorted.filter(matches).map((process) => ({ process, level: 1, children: 0, isOpen: false, isMatch: true }));
  }
  const isFiltered = view.filter.trim() !== "";
  const visible = isFiltered ? withAncestors(sorted.filter(matches), all) : new Set(sorted);
  const below = new Map<number, Process[]>();
  const roots: Process[] = [];
  for (const process of sorted) {
    if (!visible.has(process)) continue;
    const parent = all.get(process.parent);
    if (!parent || !visible.has(parent) || parent === process) {
      roots.push(process);
      continue;
    }
    const siblings = below.get(process.parent);
    if (siblings) siblings.push(process);
    else below.set(process.parent, [process]);
  }
  const result: Row[] = [];
  const seen = new Set<Process>();
  // not by recursion: a chain of processes may be as long as there are pids
  const walk = (root: Process): void => {
    const waiting: [Process, number][] = [[root, 1]];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [process, level] = next;
      if (seen.has(process)) continue;
      seen.add(process);
      const children = below.get(process.id) ?? [];
      const isOpen = children.length > 0 && (isFiltered || !view.collapsed.has(process.id));
      result.push({ process, level, children: children.length, isOpen, isMatch: !isFiltered || matches(process) });
      if (isOpen) for (let i = children.length; i-- > 0; ) waiting.push([children[i]!, level + 1]);
      else hide(children, below, seen);
    }
  };
  for (const root of roots) walk(root);
  for (const process of sorted) if (visible.has(process) && !seen.has(process)) walk(process);
  return result;
}

/** What is folded away counts as seen: what then is left has no way up to a root. */
function hide(children: Process[], below: ReadonlyMap<number, Process[]>, seen: Set<Process>): void {
  const waiting = [...children];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    waiting.push(...(below.get(next.id) ?? []));
  }
}

function withAncestors(found: Process[], all: ReadonlyMap<number, Process>): Set<Process> {
  const result = new Set(found);
  for (const process of found) {
    let parent = all.get(process.parent);
    while (parent && !result.has(parent)) {
      result.add(parent);
      parent = all.get(parent.parent);
    }
  }
  return result;
}
