import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HIDDEN_MS, Live } from "./live";

class Source extends EventTarget {
  static readonly CLOSED = 2;
  static all: Source[] = [];
  readyState = 1;

  constructor(readonly url: string) {
    super();
    Source.all.push(this);
  }

  close(): void {
    this.readyState = Source.CLOSED;
  }

  say(kind: string, data: object): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data) }));
  }
}

const tick = { time: 1, interval: 1000, count: 0, host: { cpu: 1, processors: 1 } };
const last = (): Source => Source.all[Source.all.length - 1]!;
const open = (): number => Source.all.filter((source) => source.readyState !== Source.CLOSED).length;

beforeEach(() => {
  Source.all = [];
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", Source);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("it is live once something comes, and lost when the connection is", () => {
  const live = new Live();
  const seen: string[] = [];
  live.subscribe(() => seen.push(live.connection));
  live.start();
  last().say("snapshot", tick);
  last().readyState = 0; // the browser tries by itself
  last().dispatchEvent(new Event("error"));
  last().say("tick", tick);
  expect(seen).toEqual(["connecting", "live", "lost", "live"]);
  expect(last().url).toBe("api/events");
});

test("a pause closes it, and going on opens it anew", () => {
  const live = new Live();
  live.start();
  live.pause();
  expect([live.connection, open()]).toEqual(["paused", 0]);
  live.start();
  expect(open()).toBe(1);
});

test("a page that nobody sees sleeps, and wakes by itself", () => {
  const live = new Live();
  live.start();
  live.look(false);
  vi.advanceTimersByTime(HIDDEN_MS - 1);
  expect(open()).toBe(1); // a glance elsewhere costs nothing
  vi.advanceTimersByTime(1);
  expect(open()).toBe(0);
  live.look(true);
  expect(open()).toBe(1);
});

test("a pause stays one, seen or not", () => {
  const live = new Live();
  live.start();
  live.pause();
  live.look(false);
  vi.advanceTimersByTime(2 * HIDDEN_MS);
  live.look(true);
  expect([live.connection, open()]).toEqual(["paused", 0]);
});

test("what the service says when it refuses is told, and asked again later", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(JSON.stringify({ Message: "32 viewers" }), { status: 429 })));
  const live = new Live();
  live.start();
  last().close();
  last().dispatchEvent(new Event("error"));
  await vi.waitFor(() => expect(live.connection).toBe("refused"));
  expect(live.problem).toBe("32 viewers");
  await vi.advanceTimersByTimeAsync(1000);
  expect(open()).toBe(1);
});

test("a pause while it is asked why stays one", async () => {
  let answer: (response: Response) => void = () => undefined;
  vi.stubGlobal("fetch", () => new Promise<Response>((resolve) => (answer = resolve)));
  const live = new Live();
  live.start();
  last().close();
  last().dispatchEvent(new Event("error"));
  live.pause();
  answer(new Response(JSON.stringify({ Message: "32 viewers" }), { status: 429 }));
  await vi.advanceTimersByTimeAsync(10_000);
  expect([live.connection, open()]).toEqual(["paused", 0]);
});
