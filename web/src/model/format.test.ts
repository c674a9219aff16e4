import { expect, test } from "vitest";
import { bytes, count, duration, microseconds, percent, rate, timeSpan, visible } from "./format";

test("bytes have three digits at most", () => {
  expect([0, 1023, 1024, 1536, 1024 ** 2 * 123.4, 1024 ** 3 * 2].map(bytes)).toEqual(["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "123 MiB", "2.0 GiB"]);
});

test("nothing is shown where nothing moves", () => {
  expect(rate(0)).toBe("");
  expect(rate(2048)).toBe("2.0 KiB/s");
  expect([0, 0.4, 12.34, 250.2].map(percent)).toEqual(["", "0.4", "12.3", "250"]);
});

test("durations", () => {
  expect([-5, 999, 61_000, 3_661_000, 90_000_000].map(duration)).toEqual(["0 s", "0 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
  expect([12, 1500, 2_500_000].map(microseconds)).toEqual(["12 µs", "1.5 ms", "2.5 s"]);
});

test("time spans as .NET writes them", () => {
  expect(["00:00:01.8200000", "00:01:01", "1.02:00:00", undefined, "x"].map(timeSpan)).toEqual(["1.82 s", "1 min 1 s", "1 d 2 h", "0", "0"]);
});

test("counts", () => {
  expect(count(1, "thread")).toBe("1 thread");
  expect(count(1200, "process", "processes")).toBe("1,200 processes");
});

test("names can't hide what they are", () => {
  expect(visible("a\nb\u001b[31m\u202eevil\u007f")).toBe("a␊b␛[31m�evil␡");
  expect(visible("<b>über 名前</b>")).toBe("<b>über 名前</b>");
});
