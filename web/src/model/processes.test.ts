import { expect, test } from "vitest";
import { type Facts, HISTORY, History, Processes, type Tick } from "./processes";

export function facts(id: number, more: Partial<Facts> = {}): Facts {
  return { id, parent: 1, start: 1000, name: `p${id}`, state: "S", cpu: 0, memory: 1, threads: 1, read: 0, written: 0, ...more };
}

function tick(more: Partial<Tick>): Tick {
  return { time: 1, interval: 1000, count: 1, host: { cpu: 1, processors: 2 }, ...more };
}

test("ticks change what a snapshot told", () => {
  const processes = new Processes();
  processes.snapshot(tick({ machine: "here", processes: [facts(1), facts(2), facts(3)] }));
  processes.tick(tick({ time: 2, ended: [2], processes: [facts(4, { name: "new" })], changed: [{ id: 3, cpu: 50 }, { id: 99, cpu: 1 }] }));
  expect([...processes.all.keys()]).toEqual([1, 3, 4]);
  expect(processes.all.get(3)?.cpu).toBe(50);
  expect(processes.all.get(3)?.cpuHistory.length).toBe(2);
  expect(processes.all.get(4)?.cpuHistory.length).toBe(1);
  expect(processes.machine).toBe("here");
});

test("a pid that is used again begins anew", () => {
  const processes = new Processes();
  processes.snapshot(tick({ processes: [facts(5)] }));
  processes.tick(tick({ ended: [5], processes: [facts(5, { start: 2000, name: "other" })] }));
  expect(processes.all.get(5)?.name).toBe("other");
  expect(processes.all.get(5)?.cpuHistory.length).toBe(1);
});

test("after a reconnection the histories of the same processes go on", () => {
  const processes = new Processes();
  processes.snapshot(tick({ processes: [facts(5), facts(6)] }));
  processes.snapshot(tick({ processes: [facts(5), facts(6, { start: 3000 })] }));
  expect(processes.all.get(5)?.cpuHistory.length).toBe(2);
  expect(processes.all.get(6)?.cpuHistory.length).toBe(1);
});

test("a history keeps the last minute", () => {
  const history = new History();
  for (let i = 0; i < HISTORY + 5; i++) history.add(i);
  expect(history.length).toBe(HISTORY);
  expect(history.values[0]).toBe(5);
  expect(history.values[HISTORY - 1]).toBe(HISTORY + 4);
});
