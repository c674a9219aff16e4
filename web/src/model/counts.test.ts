import { expect, test } from "vitest";
import { counted, KEPT_MAX, noCounts, opened, pick } from "./counts";

const heap = { live: true, types: [] };

test("the newest count is shown, a file is what it is compared with", () => {
  const first = counted(noCounts, "first", heap);
  expect([first.shown, first.against]).toEqual([1, 0]);
  const file = opened(first, "file", heap);
  expect([file.shown, file.against]).toEqual([1, 2]);
  const again = counted(file, "again", heap);
  expect([again.shown, again.against, again.all.map((one) => one.title)]).toEqual([3, 2, ["first", "file", "again"]]);
  expect(pick(again, 3)?.title).toBe("again");
  expect(pick(again, 0)).toBeUndefined();
  const alone = opened(noCounts, "file", heap);
  expect([alone.shown, alone.against]).toEqual([1, 0]);
});

test("a few are kept: the oldest make room, but not what is compared with", () => {
  let counts = counted(noCounts, "first", heap);
  counts = { ...counts, against: 1 };
  for (let i = 0; i < 20; i++) counts = counted(counts, `${i}`, heap);
  expect(counts.all.length).toBe(KEPT_MAX);
  expect(pick(counts, counts.against)?.title).toBe("first");
  expect(pick(counts, counts.shown)?.title).toBe("19");
});
