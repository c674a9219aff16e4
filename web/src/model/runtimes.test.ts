import { expect, test } from "vitest";
import { heapOf } from "./runtimes";

test("which runtimes tell of their heaps", () => {
  expect([".NET 10.0.1", "Java 17.0.2", "Java", "Java (OpenJ9) 17", "Node 20.1", "native", "Nodes", undefined].map((one) => heapOf(one)?.ending)).toEqual([
    ".gcdump", ".hprof", ".hprof", undefined, ".heapsnapshot", undefined, undefined, undefined,
  ]);
});
