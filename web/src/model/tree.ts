import type { Process } from "./processes";

export type Column =
  | "name" | "id" | "parent" | "user" | "state" | "start" | "cpu" | "memory" | "threads" | "io" | "read" | "written" | "runtime" | "unit" | "container" | "command";

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

const large: ReadonlySet<Column> = new Set<Column>(["cpu", "memory", "threads", "io", "read", "written", "start"]);

/** What is of more interest where it is large, or new. */
export function descendsFirst(column: Column): boolean {
  return large.has(column);
}

function key(process: Process, column: Column): string | number {
  if (column === "unit") return (process.unit ?? process.container ?? "").toLowerCase();
  if (column === "io") return process.read + process.written;
  const value = process[column];
  return typeof value === "string" ? value.toLowerCase() : (value ?? "");
}

/** In a new array. Keys are made once for each: there are thousands, every second. */
export function sorted(processes: Iterable<Process>, order: Order): Process[] {
  const sign = order.descending ? -1 : 1;
  const keyed = Array.from(processes, (process) => ({ process, key: key(process, order.column) }));
  keyed.sort((a, b) => {
    if (a.key === b.key) return a.process.id - b.process.id;
    if (a.key === "" || b.key === "") return a.key === "" ? 1 : -1; // what there is comes first
    return a.key < b.key ? -sign : sign;
  });
  return keyed.map((one) => one.process);
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
  const list = sorted(shown, view.order);
  if (!view.isTree) {
    return list.filter(matches).map((process) => ({ process, level: 1, children: 0, isOpen: false, isMatch: true }));
  }
  const isFiltered = view.filter.trim() !== "";
  const visible = isFiltered ? withAncestors(list.filter(matches), all) : new Set(list);
  const below = new Map<number, Process[]>();
  const roots: Process[] = [];
  for (const process of list) {
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
  for (const process of list) if (visible.has(process) && !seen.has(process)) walk(process);
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
