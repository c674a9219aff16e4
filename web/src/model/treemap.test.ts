import { expect, test } from "vitest";
import { treemap } from "./treemap";

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
