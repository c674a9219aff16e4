/** Rectangles whose areas are as values: squarified, after Bruls, Huizing and van Wijk (2000). */

export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Tile<T> extends Area {
  item: T;
}

function worst(row: number[], sum: number, side: number): number {
  let most = 0;
  for (const value of row) most = Math.max(most, (side * side * value) / (sum * sum), (sum * sum) / (side * side * value));
  return most;
}

/** Of items with values above 0, the largest first; the rest is left out. */
export function treemap<T>(items: T[], value: (item: T) => number, area: Area): Tile<T>[] {
  const left = items.filter((item) => value(item) > 0).sort((a, b) => value(b) - value(a));
  const all = left.reduce((sum, item) => sum + value(item), 0);
  const result: Tile<T>[] = [];
  if (all === 0 || area.width <= 0 || area.height <= 0) return result;
  const scale = (area.width * area.height) / all;
  let free = area;
  for (let first = 0; first < left.length; ) {
    const side = Math.min(free.width, free.height);
    const row = [value(left[first]!) * scale];
    let sum = row[0]!;
    while (first + row.length < left.length) {
      const next = value(left[first + row.length]!) * scale;
      if (worst([...row, next], sum + next, side) > worst(row, sum, side)) break;
      row.push(next);
      sum += next;
    }
    free = lay(row, sum, free, (i, tile) => result.push({ ...tile, item: left[first + i]! }));
    first += row.length;
  }
  return result;
}

/** One row along the shorter side; what is left free. */
function lay(row: number[], sum: number, free: Area, put: (i: number, tile: Area) => void): Area {
  const isUpright = free.width >= free.height;
  const thick = sum / (isUpright ? free.height : free.width);
  let at = 0;
  row.forEach((value, i) => {
    const long = value / thick;
    put(i, isUpright ? { left: free.left, top: free.top + at, width: thick, height: long } : { left: free.left + at, top: free.top, width: long, height: thick });
    at += long;
  });
  return isUpright
    ? { left: free.left + thick, top: free.top, width: Math.max(0, free.width - thick), height: free.height }
    : { left: free.left, top: free.top + thick, width: free.width, height: Math.max(0, free.height - thick) };
}

const PIECES_MAX = 600;
const LEAST = 0.0004; // of all: smaller ones of a group are one piece

/** One item, or those of its group that are too small to be seen. */
export interface Piece<T> {
  group: string;
  items: T[];
  weight: number;
}

function pieces<T>(items: T[], groupOf: (item: T) => string, weightOf: (item: T) => number): Map<string, Piece<T>[]> {
  const all = items.reduce((sum, one) => sum + weightOf(one), 0);
  const large = new Map<string, Piece<T>[]>();
  const small = new Map<string, Piece<T>>();
  const sorted = items.filter((one) => weightOf(one) > 0).sort((a, b) => weightOf(b) - weightOf(a));
  sorted.forEach((one, i) => {
    const [group, weight] = [groupOf(one), weightOf(one)];
    const rest = small.get(group);
    if (!large.has(group)) large.set(group, []);
    if (i < PIECES_MAX && weight >= LEAST * all) large.get(group)!.push({ group, items: [one], weight });
    else if (rest === undefined) small.set(group, { group, items: [one], weight });
    else {
      rest.items.push(one);
      rest.weight += weight;
    }
  });
  for (const [group, rest] of small) large.get(group)!.push(rest);
  return large;
}

/** Those of a group lie together. */
export function grouped<T>(items: T[], groupOf: (item: T) => string, weightOf: (item: T) => number, area: Area): Tile<Piece<T>>[] {
  const groups = [...pieces(items, groupOf, weightOf).values()].map((list) => ({ list, weight: list.reduce((sum, one) => sum + one.weight, 0) }));
  return treemap(groups, (one) => one.weight, area).flatMap((tile) => treemap(tile.item.list, (one) => one.weight, tile));
}

export type Direction = "left" | "right" | "up" | "down";

/** The tile that lies there, seen from the middle of another one; itself at the edge. */
export function neighbour<T>(tiles: Tile<T>[], from: Tile<T>, direction: Direction): Tile<T> {
  const [x, y] = [from.left + from.width / 2, from.top + from.height / 2];
  const step = 0.01; // less than any tile that can be seen
  const at = {
    left: { x: from.left - step, y },
    right: { x: from.left + from.width + step, y },
    up: { x, y: from.top - step },
    down: { x, y: from.top + from.height + step },
  }[direction];
  return tiles.find((one) => one !== from && one.left <= at.x && at.x <= one.left + one.width && one.top <= at.y && at.y <= one.top + one.height) ?? from;
}
