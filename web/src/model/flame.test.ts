import { expect, test } from "vitest";
import { boxes, flameOf, spots } from "./flame";

const root = flameOf({
  shared: { frames: [{ name: "main" }, { name: "hot", file: "a.c" }, { name: "again" }] },
  profiles: [
    { type: "sampled", name: "one", unit: "nanoseconds", samples: [[0, 1], [0, 1], [0, 2, 2]], weights: [5, 1, 4] },
    { type: "sampled", name: "two", unit: "nanoseconds", samples: [[0]], weights: [10] },
    { type: "sampled", name: "idle", unit: "nanoseconds", samples: [], weights: [] },
  ],
});

test("stacks of a thread become one tree", () => {
  expect(root.value).toBe(20);
  expect(root.children.map((thread) => [thread.name, thread.value])).toEqual([["one", 10], ["two", 10]]);
  const main = root.children[0]?.children[0];
  expect(main?.children.map((flame) => [flame.name, flame.value, flame.own])).toEqual([["hot", 6, 6], ["again", 4, 0]]);
});

test("a recursive function counts once", () => {
  expect(spots(root, 2)).toEqual([
    { name: "main", file: "", own: 10, total: 20 },
    { name: "hot", file: "a.c", own: 6, total: 6 },
  ]);
  expect(spots(root, 9).find((spot) => spot.name === "again")).toMatchObject({ own: 4, total: 4 });
});

test("boxes fill the width, and the narrow ones are left out", () => {
  const all = boxes([root], 0.01);
  expect(all.filter((box) => box.depth === 1).map((box) => [box.left, box.width])).toEqual([[0, 0.5], [0.5, 0.5]]);
  expect(boxes([root], 0.31).map((box) => box.flame.name)).toEqual(["all", "one", "main", "two", "main"]);
  const one = root.children[0]!;
  expect(boxes([root, one], 0.01).slice(0, 2).map((box) => [box.flame.name, box.width])).toEqual([["all", 1], ["one", 1]]);
});
