import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Answer, base, Board, figures, Gate, type Instance, isOpen, load, ordered, PATIENCE_MS, silence, title } from "./instances";

const one = (id: string, more: Partial<Instance> = {}): Instance => ({ id, name: `name of ${id}`, state: "running", is_self: false, ...more });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("ourselves first, then by name; who never answered goes by address", () => {
  const unknown: Instance = { url: "http://x:1", is_self: false, state: "unreachable" };
  const list = [one("b", { name: "web10" }), one("c", { name: "web9" }), unknown, one("a", { name: "zz", is_self: true })];
  expect(ordered(list).map(title)).toEqual(["zz", "http://x:1", "web9", "web10"]);
  expect(title({ is_self: false })).toBe("unknown");
});

test("one that is gone, in conflict or without an id leads nowhere", () => {
  expect([one("a"), one("a", { state: "unreachable" })].map(isOpen)).toEqual([true, true]);
  expect([one("a", { state: "gone" }), one("a", { state: "conflict" }), { url: "x", is_self: false }].map(isOpen)).toEqual([false, false, false]);
});

test("addresses of others are relative, from our page and from one below /instances/", () => {
  const self = one("id-b", { is_self: true });
  expect(base("/", self, "id-a")).toBe("instances/id-a/");
  expect(base("/team/x/", self, "id-a")).toBe("instances/id-a/");
  expect(base("/instances/id-b/", self, "id-a")).toBe("../id-a/");
  expect(base("/team/x/instances/ID-B/", self, "id-a")).toBe("../id-a/");
  expect(base("/instances/else/", self, "id-a")).toBe("instances/id-a/"); // a prefix that looks like one
  expect(base("/instances/%/", self, "id-a")).toBe("instances/id-a/");
  expect(base("/", undefined, "../x")).toBe("instances/..%2Fx/");
});

test("how long one is silent", () => {
  expect(silence(one("a", { last_seen: "2026-01-01T00:00:00.0000000Z" }), Date.UTC(2026, 0, 1, 0, 0, 5))).toBe(5000);
  expect(silence(one("a", { last_seen: "2026-01-01T00:00:09.0000000Z" }), Date.UTC(2026, 0, 1))).toBe(0);
  expect(silence(one("a"), 1)).toBeUndefined();
});

test("figures of a machine are read among all others", () => {
  const text = "# TYPE procscope_host_processors gauge\nprocscope_host_processors 4\nprocscope_host_cpu_busy_seconds_total 12.5\n"
    + 'procscope_operations_total{operation="list"} 7\nprocscope_host_memory_bytes 8e9\nprocscope_host_load1 NaN\nprocscope_host_other 1\n';
  expect(figures(text)).toEqual({ processors: 4, busy: 12.5, memory: 8e9 });
  expect(figures("")).toEqual({});
});

test("load comes from two looks, and from none where it began anew", () => {
  const look = (at: number, busy: number): { at: number; figures: { busy: number; processors: number } } => ({ at, figures: { busy, processors: 4 } });
  expect(load(look(0, 10), look(5000, 20))).toBe(50);
  expect(load(look(0, 10), look(1000, 20))).toBe(100); // clocks are not that exact
  expect(load(undefined, look(0, 10))).toBeUndefined();
  expect(load(look(0, 10), look(5000, 9))).toBeUndefined();
  expect(load(look(0, 10), look(0, 11))).toBeUndefined();
});

test("a gate lets the next one in when one has left, by an error too", async () => {
  const gate = new Gate(1);
  const seen: string[] = [];
  let fail: (error: Error) => void = () => undefined;
  const first = gate.pass(() => new Promise((_, reject) => (fail = reject)));
  const second = gate.pass(() => Promise.resolve(seen.push("second")));
  await Promise.resolve();
  expect(seen).toEqual([]);
  fail(new Error("x"));
  await expect(first).rejects.toThrow("x");
  await second;
  expect(seen).toEqual(["second"]);
});

const answer = (at: number, busy: number): Answer => ({ at, figures: { busy, processors: 2, memory: 100, available: 25 }, processes: 7 });
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

test("all that run are asked, others not; what is no longer listed is forgotten", async () => {
  const asked: string[] = [];
  const board = new Board((id) => (asked.push(id), Promise.resolve(answer(1000 * asked.length, asked.length))), () => undefined);
  board.look([one("a"), one("b", { state: "unreachable" }), one("c", { state: "gone" }), { url: "x", is_self: false, state: "running" }]);
  await settle();
  expect(asked).toEqual(["a"]);
  expect(board.seen.get("a")).toMatchObject({ processes: 7, figures: { memory: 100 } });
  expect(board.seen.get("a")?.cpu).toBeUndefined();
  board.look([one("a")]);
  await settle();
  expect(board.seen.get("a")?.cpu).toBe(50);
  expect(board.seen.get("a")?.memoryHistory.values[0]).toBe(75);
  board.look([]);
  expect(board.seen.size).toBe(0);
});

test("those that do not answer hold up no other, say so, and are not asked twice at a time", async () => {
  const asked: string[] = [];
  const hang = (signal: AbortSignal): Promise<Answer> => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("cut"))));
  const board = new Board((id, signal) => (asked.push(id), id.startsWith("hung") ? hang(signal) : Promise.resolve(answer(1, 1))), () => undefined);
  const list = [...Array.from({ length: 9 }, (_, i) => one(`hung${i}`)), one("z")];
  board.look(list);
  board.look(list);
  await settle();
  expect(asked).toEqual(["hung0", "hung1", "hung2"]); // once, all are new
  await vi.advanceTimersByTimeAsync(4 * PATIENCE_MS);
  expect(board.seen.get("z")?.processes).toBe(7);
  expect(String(board.seen.get("hung8")?.error)).toContain("did not answer within 8 seconds");
  asked.length = 0;
  board.look(list);
  await settle();
  expect(asked).toEqual(["hung0", "z"]); // from now on they wait for each other only
});

test("an error stands beside what was known, and goes with the next answer; nothing changes after the end", async () => {
  let changes = 0;
  let isWell = true;
  const board = new Board(() => (isWell ? Promise.resolve(answer(1, 1)) : Promise.reject(new Error("502"))), () => changes++);
  for (const now of [true, false, true]) {
    isWell = now;
    board.look([one("a")]);
    await settle();
    expect(board.seen.get("a")?.error === undefined).toBe(now);
    expect(board.seen.get("a")?.processes).toBe(7);
  }
  expect(changes).toBe(3);
  board.look([one("a")]);
  board.stop();
  await settle();
  expect(changes).toBe(3);
});
