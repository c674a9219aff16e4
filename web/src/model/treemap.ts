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
