import { expect, test } from "vitest";
import { layout, nameOf } from "./map";

const sum = (kind: string, rss: number, name?: string) => ({ kind, rss, pss: rss, size: rss, swap: 0, ...(name === undefined ? {} : { name }) });

test("mappings of a kind lie together, small ones as one", () => {
  const tiles = layout([sum("heap", 1e6), sum("code", 4e5, "/lib/libc.so.6"), ...Array.from({ length: 3000 }, () => sum("anonymous", 10))]);
  expect(tiles.map((tile) => nameOf(tile.item)).sort()).toEqual(["3000 smaller", "heap", "libc.so.6"]);
});

test("what is swapped out counts, and what is not there doesn't", () => {
  const tiles = layout([{ ...sum("heap", 0), swap: 4096 }, sum("stack", 0)]);
  expect(tiles.map((tile) => tile.item.group)).toEqual(["heap"]);
});

test("there is a most", () => {
  expect(layout(Array.from({ length: 5000 }, (_, i) => sum("anonymous", 1e6 + i))).length).toBeLessThanOrEqual(601);
});
