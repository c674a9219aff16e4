import { expect, test } from "vitest";
import { ThreadWatch } from "./threads";

const thread = (id: number, total_processor_time: string, start_time = "a") => ({ id, total_processor_time, start_time });

test("per cent of a processor, from the second look on", () => {
  const watch = new ThreadWatch();
  expect(watch.take([thread(1, "00:00:01.0000000")], 1000)[0]!.share).toBeUndefined();
  const [first, second] = watch.take([thread(1, "00:00:01.5000000"), thread(2, "00:00:09")], 3000);
  expect(first!.share).toBe(25);
  expect(second!.share).toBeUndefined();
  expect(Array.from(first!.history.values.subarray(0, first!.history.length))).toEqual([25]);
});

test("an id that is used again is another thread", () => {
  const watch = new ThreadWatch();
  watch.take([thread(1, "00:00:05")], 1000);
  expect(watch.take([thread(1, "00:00:06", "b")], 2000)[0]!.share).toBeUndefined();
});

test("time that none passed in is none", () => {
  const watch = new ThreadWatch();
  watch.take([thread(1, "00:00:05")], 1000);
  expect(watch.take([thread(1, "00:00:06")], 1000)[0]!.share).toBeUndefined();
});
