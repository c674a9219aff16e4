/** speedscope's file format, as the service writes it -> one tree of all threads. */

export interface SpeedscopeFile {
  name?: string;
  shared: { frames: { name: string; file?: string; line?: number }[] };
  profiles: { type: string; name: string; unit: string; samples: number[][]; weights: number[] }[];
}

export interface Flame {
  name: string;
  file: string;
  value: number; // with what it called
  own: number;
  children: Flame[];
}

export interface Spot {
  name: string;
  file: string;
  own: number;
  total: number;
}

const DEPTH_MAX = 256;

interface Node extends Flame {
  index: Map<string, Node>;
}

function node(name: string, file: string): Node {
  return { name, file, value: 0, own: 0, children: [], index: new Map() };
}

export function flameOf(file: SpeedscopeFile): Flame {
  const root = node("all", "");
  for (const profile of file.profiles) {
    const thread = node(profile.name, "");
    profile.samples.forEach((stack, i) => {
      const weight = profile.weights[i] ?? 0;
      let at = thread;
      at.value += weight;
      for (const frame of stack.slice(0, DEPTH_MAX)) {
        const { name, file: source } = file.shared.frames[frame] ?? { name: "?" };
        let next = at.index.get(name);
        if (!next) {
          next = node(name, source ?? "");
          at.index.set(name, next);
          at.children.push(next);
        }
        next.value += weight;
        at = next;
      }
      at.own += weight;
    });
    if (thread.value > 0) {
      root.children.push(thread);
      root.value += thread.value;
    }
  }
  sort(root);
  return root;
}

function sort(flame: Flame): void {
  flame.children.sort((a, b) => b.value - a.value);
  for (const child of flame.children) sort(child);
}

/** The functions that take most by themselves; a recursive one counts once. */
export function spots(root: Flame, most: number): Spot[] {
  const found = new Map<string, Spot>();
  const walk = (flame: Flame, above: ReadonlySet<string>): void => {
    let spot = found.get(flame.name);
    if (!spot) {
      spot = { name: flame.name, file: flame.file, own: 0, total: 0 };
      found.set(flame.name, spot);
    }
    spot.own += flame.own;
    if (!above.has(flame.name)) spot.total += flame.value;
    const names = new Set(above).add(flame.name);
    for (const child of flame.children) walk(child, names);
  };
  for (const thread of root.children) for (const child of thread.children) walk(child, new Set());
  return [...found.values()].sort((a, b) => b.own - a.own).slice(0, most);
}

export interface Box {
  flame: Flame;
  path: Flame[]; // from the root to it
  left: number; // 0 to 1
  width: number;
  depth: number;
}

/** What is to be drawn below `focus` (whose ancestors stand over it in full width); boxes narrower than `least` are left out. */
export function boxes(focus: Flame[], least: number): Box[] {
  const result: Box[] = [];
  const walk = (flame: Flame, path: Flame[], left: number, width: number, depth: number): void => {
    if (width < least) return;
    result.push({ flame, path, left, width, depth });
    let at = left;
    for (const child of flame.children) {
      const part = flame.value === 0 ? 0 : (width * child.value) / flame.value;
      walk(child, [...path, child], at, part, depth + 1);
      at += part;
    }
  };
  focus.slice(0, -1).forEach((flame, depth) => result.push({ flame, path: focus.slice(0, depth + 1), left: 0, width: 1, depth }));
  const last = focus[focus.length - 1];
  if (last) walk(last, focus, 0, 1, focus.length - 1);
  return result;
}
