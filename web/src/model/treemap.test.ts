import { expect, test } from "vitest";
import { grouped, neighbour, treemap } from "./treemap";

const whole = { left: 0, top: 0, width: 600, height: 400 };

test("areas are as values, and fill the whole without overlap", () => {
  const values = [6, 6, 4, 3, 2, 2, 1];
  const tiles = treemap(values, (one) => one, whole);
  expect(tiles.length).toBe(values.length);
  for (const tile of tiles) {
    expect(tile.width * tile.height).toBeCloseTo((tile.item / 24) * 240_000, 3);
    expect(tile.left >= 0 && tile.top >= 0 && tile.left + tile.width <= 600.001 && tile.top + tile.height <= 400.001).toBe(true);
  }
  for (const a of tiles)
    for (const b of tiles) {
      const wide = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
      const high = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
      expect(a === b || wide < 0.001 || high < 0.001).toBe(true);
    }
});

test("nothing is drawn of nothing", () => {
  expect(treemap([], (one: number) => one, whole)).toEqual([]);
  expect(treemap([0, 0], (one) => one, whole)).toEqual([]);
  expect(treemap([1], (one) => one, { ...whole, width: 0 })).toEqual([]);
  expect(treemap([5, 0], (one) => one, whole).length).toBe(1);
});

test("those of a group lie together, small ones as one", () => {
  const items = [{ group: "a", size: 500 }, { group: "a", size: 300 }, { group: "b", size: 200 }, ...Array.from({ length: 20 }, () => ({ group: "b", size: 0.1 }))];
  const tiles = grouped(items, (one) => one.group, (one) => one.size, whole);
  expect(tiles.map((tile) => [tile.item.group, tile.item.items.length])).toEqual([["a", 1], ["a", 1], ["b", 1], ["b", 20]]);
  expect(tiles.reduce((sum, tile) => sum + tile.width * tile.height, 0)).toBeCloseTo(240_000, 3);
});

test("from one tile to those around it", () => {
  const tiles = treemap([4, 2, 1, 1], (one) => one, whole); // 4 on the left, 2 above the others on the right
  const [a, b, c, d] = tiles as [(typeof tiles)[0], (typeof tiles)[0], (typeof tiles)[0], (typeof tiles)[0]];
  expect([neighbour(tiles, a, "left"), neighbour(tiles, b, "left"), neighbour(tiles, b, "down").top > b.top]).toEqual([a, a, true]);
  expect([c, d]).toContain(neighbour(tiles, b, "down"));
  expect(neighbour(tiles, neighbour(tiles, b, "down"), "up")).toBe(b);
});

test("from every tile of many all others are reached", () => {
  const tiles = treemap(Array.from({ length: 300 }, (_, i) => i + 1), (one) => one, whole);
  const [reached, open] = [new Set([tiles[0]!]), [tiles[0]!]];
  for (let from = open.pop(); from; from = open.pop())
    for (const direction of ["left", "right", "up", "down"] as const) {
      const next = neighbour(tiles, from, direction);
      if (!reached.has(next)) open.push(next);
      reached.add(next);
    }
  expect(reached.size).toBe(tiles.length);
});
