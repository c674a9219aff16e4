import { expect, test } from "vitest";
import { change, families, familyOf, fate, mismatch, readHeap, rowsOf, shortName } from "./heap";

const heap = (...types: [string, number, number, string?][]) => ({
  runtime: "Java",
  live: true,
  types: types.map(([type, count, bytes, module]) => ({ type, count, bytes, ...(module === undefined ? {} : { module }) })),
});

test("types of the same name and module are one", () => {
  const rows = rowsOf(heap(["a.B", 1, 10], ["a.B", 2, 20], ["a.B", 4, 40, "other"]));
  expect(rows.map(({ module, count, bytes, before }) => [module, count, bytes, before])).toEqual([["", 3, 30, undefined], ["other", 4, 40, undefined]]);
});

test("what changed between two counts", () => {
  const before = heap(["stays", 5, 50], ["grows", 1, 10], ["gone", 3, 30], ["fewer, larger", 2, 20]);
  const rows = rowsOf(heap(["stays", 5, 50], ["grows", 4, 40], ["new", 1, 8], ["fewer, larger", 1, 90]), before);
  expect(Object.fromEntries(rows.map((row) => [row.type, [change(row, "count"), change(row, "bytes"), fate(row)]]))).toEqual({
    stays: [0, 0, ""],
    grows: [3, 30, ""],
    new: [1, 8, "new"],
    gone: [-3, -30, "gone"],
    "fewer, larger": [-1, 70, ""],
  });
  expect(rowsOf(before).map((row) => fate(row))).toEqual(["", "", "", ""]);
});

test("a type is found again in another version of its module, and in another folder", () => {
  const versions = [["java.base@17.0.2", "java.base@21"], ["/usr/share/dotnet/10.0.1/Core.dll", "/opt/dotnet/10.0.2/Core.dll"]] as const;
  for (const [old, now] of versions) {
    const rows = rowsOf(heap(["T", 3, 30, now]), heap(["T", 1, 10, old]));
    expect(rows.map((row) => [row.module, change(row, "count")])).toEqual([[now, 2]]);
  }
  expect(rowsOf(heap(["T", 1, 1, "a.dll"]), heap(["T", 1, 1, "b.dll"])).map(fate)).toEqual(["new", "gone"]);
});

test("counts that are not of the same thing", () => {
  expect(mismatch(heap(), heap())).toBe("");
  expect(mismatch(heap(), { ...heap(), live: false })).toContain("alive");
  expect(mismatch(heap(), { ...heap(), runtime: "Node" })).toContain("of Java, the other of Node");
});

test("what stands for many types", () => {
  const named = (type: string, module = "") => familyOf({ type, module });
  expect(["java.util.HashMap$Node[]", "System.Collections.Generic.List<System.String>", "byte[]", "(compiled code)", "Heap$Known"].map((one) => named(one))).toEqual([
    "java.util", "System.Collections.Generic", "arrays", "of the runtime", "plain names",
  ]);
  expect([named("Known[]", "/app/App.dll"), named("List<System.String>", "/x/System.Private.CoreLib.dll"), named("", ""), named(".x", "m")]).toEqual([
    "App.dll", "System.Private.CoreLib.dll", "plain names", "m",
  ]);
});

test("names where there is little room", () => {
  expect(["java.util.HashMap$Node[]", "System.Collections.Generic.List<System.String>", "byte[]", "(compiled code)", "a.", ""].map(shortName)).toEqual([
    "HashMap$Node[]", "List<System.String>", "byte[]", "(compiled code)", "a.", "",
  ]);
});

test("the heaviest families first, and no more than there are colours", () => {
  const rows = rowsOf(heap(["a.X", 100, 1], ["b.X", 1, 70], ["b.Y", 1, 70], ...Array.from({ length: 9 }, (_, i): [string, number, number] => [`n${i}.T`, 1, 10])));
  expect(families(rows, "bytes")[0]).toBe("b");
  expect(families(rows, "count")[0]).toBe("a");
  expect(families(rows, "bytes").length).toBe(7);
});

test("a file that was saved", () => {
  const saved = { process: "http://x/api/processes/1", ...heap(["a", 1, 10, "m"], ["b", 2, 20]), live: false, runtime_version: "17", time_stamp: "2026-01-02T03:04:05Z", count: 99, bytes: 99 };
  expect(readHeap(JSON.stringify(saved))).toEqual({
    ...heap(["a", 1, 10, "m"], ["b", 2, 20]), live: false, runtime_version: "17", time_stamp: "2026-01-02T03:04:05Z", count: 3, bytes: 30,
  });
});

test("files that are no count of a heap", () => {
  const type = (more: object) => JSON.stringify({ types: [{ type: "a", count: 1, bytes: 1 }, { type: "b", count: 1, bytes: 1, ...more }] });
  for (const [text, why] of [
    ["", "no JSON"],
    ["{", "no JSON"],
    ["null", "no list"],
    ["[]", "no list"],
    ['{"types":{}}', "no list"],
    ['{"types":[1]}', "entry 1"],
    [type({ count: -1 }), "entry 2"],
    [type({ count: 1.5 }), "entry 2"],
    [type({ bytes: 1e300 }), "entry 2"],
    [type({ bytes: "7" }), "entry 2"],
    [type({ type: 7 }), "entry 2"],
    [type({ type: "x".repeat(10_000) }), "entry 2"],
    [type({ module: {} }), "entry 2"],
    [`{"types":[${"0,".repeat(262_144)}0]}`, "262,144"],
  ] as const)
    expect(() => readHeap(text), text.slice(0, 80)).toThrow(why);
  expect(readHeap('{"types":[{"type":"__proto__","count":1,"bytes":2}],"runtime":{}}')).toEqual({
    live: true, types: [{ type: "__proto__", count: 1, bytes: 2 }], count: 1, bytes: 2,
  });
});
