import { expect, test } from "vitest";
import { type Facts, Processes } from "./processes";
import { rows, type View } from "./tree";

function known(...list: (Partial<Facts> & { id: number; parent: number })[]) {
  const processes = new Processes();
  processes.snapshot({
    time: 1,
    interval: 1000,
    count: list.length,
    host: { cpu: 0, processors: 1 },
    processes: list.map((one) => ({ start: 1, name: `p${one.id}`, state: "S", cpu: 0, memory: 0, threads: 1, read: 0, written: 0, ...one })),
  });
  return processes.all;
}

const view: View = { filter: "", order: { column: "id", descending: false }, isTree: true, kernel: true, collapsed: new Set() };

function shape(all: ReturnType<typeof known>, more: Partial<View> = {}) {
  return rows(all, { ...view, ...more }).map((row) => `${" ".repeat(row.level - 1)}${row.process.id}${row.isMatch ? "" : "?"}`);
}

const family = [
  { id: 1, parent: 0 },
  { id: 10, parent: 1, name: "nginx", user: "www" },
  { id: 11, parent: 10, name: "nginx", user: "www", cpu: 5 },
  { id: 12, parent: 10, name: "nginx", user: "www", cpu: 9, state: "T" },
  { id: 20, parent: 1, name: "java", runtime: "Java 17", badges: ["seccomp"] },
  { id: 30, parent: 99, name: "orphan", badges: ["kernel"] },
];

test("as a tree", () => {
  expect(shape(known(...family))).toEqual(["1", " 10", "  11", "  12", " 20", "30"]);
  expect(shape(known(...family), { collapsed: new Set([10]) })).toEqual(["1", " 10", " 20", "30"]);
  expect(shape(known(...family), { kernel: false })).toEqual(["1", " 10", "  11", "  12", " 20"]);
});

test("siblings are sorted, or all", () => {
  const order = { column: "cpu", descending: true } as const;
  expect(shape(known(...family), { order })).toEqual(["1", " 10", "  12", "  11", " 20", "30"]);
  expect(shape(known(...family), { order, isTree: false })).toEqual(["12", "11", "1", "10", "20", "30"]);
});

test("what is found stands below its ancestors, which are only there for it", () => {
  expect(shape(known(...family), { filter: "java" })).toEqual(["1?", " 20"]);
  expect(shape(known(...family), { filter: "nginx 12" })).toEqual(["1?", " 10?", "  12"]);
  expect(shape(known(...family), { filter: "nginx 12", collapsed: new Set([1, 10]) })).toEqual(["1?", " 10?", "  12"]);
  expect(shape(known(...family), { filter: "nothing" })).toEqual([]);
});

test("filters by place", () => {
  const flat = { isTree: false };
  expect(shape(known(...family), { ...flat, filter: "user:www is:stopped" })).toEqual(["12"]);
  expect(shape(known(...family), { ...flat, filter: "is:seccomp" })).toEqual(["20"]);
  expect(shape(known(...family), { ...flat, filter: "is:java" })).toEqual(["20"]);
  expect(shape(known(...family), { ...flat, filter: "pid:1" })).toEqual(["1"]);
});

test("parents that lead in a circle lose nobody", () => {
  const circle = known({ id: 1, parent: 2 }, { id: 2, parent: 1 }, { id: 3, parent: 3 });
  expect(rows(circle, view).map((row) => row.process.id).sort()).toEqual([1, 2, 3]);
  expect(rows(circle, { ...view, collapsed: new Set([1]) }).length).toBeGreaterThan(0);
});

test("a chain as long as there are pids", () => {
  const chain = known(...Array.from({ length: 30_000 }, (_, i) => ({ id: i + 1, parent: i })));
  expect(rows(chain, view).at(-1)?.level).toBe(30_000);
  expect(rows(chain, { ...view, collapsed: new Set([1]) }).length).toBe(1);
});
