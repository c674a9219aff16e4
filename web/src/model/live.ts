/** The connection to the events: begins again by itself, can be paused, and sleeps while nobody can see the page: browsers give one host six connections in
 * all tabs together, and who doesn't look needs no sampler. */
import { Processes, type Tick } from "./processes";

export type Connection = "connecting" | "live" | "paused" | "lost" | "refused";

export const HIDDEN_MS = 20_000;
const AGAIN_MS = [1000, 2000, 4000, 8000];

export class Live {
  readonly processes = new Processes();
  connection: Connection = "connecting";
  /** Why, in words, where it is refused. */
  problem = "";
  private source: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sleeper: ReturnType<typeof setTimeout> | undefined;
  private isAsleep = false;
  private failures = 0;
  private readonly listeners = new Set<() => void>();
  private readonly waiting = new Set<() => void>();

  /** Is called when the service answers again. */
  whenBack(listener: () => void): () => void {
    this.waiting.add(listener);
    return () => this.waiting.delete(listener);
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  start(): void {
    this.stop();
    this.set(this.failures === 0 ? "connecting" : this.connection);
    const source = new EventSource("api/events");
    this.source = source;
    const take = (data: string, isSnapshot: boolean): void => {
      if (this.source === source) this.take(data, isSnapshot);
    };
    source.addEventListener("snapshot", (event: MessageEvent<string>) => take(event.data, true));
    source.addEventListener("tick", (event: MessageEvent<string>) => take(event.data, false));
    source.addEventListener("error", () => {
      if (this.source !== source) return; // paused, with this on its way already
      // after an error answer the browser gives up, after a cut it tries by itself, with the last id
      if (source.readyState === EventSource.CLOSED) void this.explain();
      else this.set("lost");
    });
  }

  pause(): void {
    this.stop();
    this.isAsleep = false;
    this.set("paused");
  }

  /** Whether the page can be seen. */
  look(isVisible: boolean): void {
    clearTimeout(this.sleeper);
    if (!isVisible) {
      this.sleeper = setTimeout(() => this.sleep(), HIDDEN_MS);
    } else if (this.isAsleep) {
      this.isAsleep = false;
      this.start();
    }
  }

  private sleep(): void {
    if (this.connection === "paused") return;
    this.stop();
    this.isAsleep = true;
  }

  private stop(): void {
    this.source?.close();
    this.source = undefined;
    clearTimeout(this.timer);
  }

  private take(data: string, isSnapshot: boolean): void {
    const tick = JSON.parse(data) as Tick;
    if (isSnapshot) this.processes.snapshot(tick);
    else this.processes.tick(tick);
    const isBack = this.failures > 0 || this.connection === "lost";
    this.failures = 0;
    this.set("live");
    if (isBack) for (const listener of this.waiting) listener();
  }

  /** EventSource keeps the reason to itself. */
  private async explain(): Promise<void> {
    const control = new AbortController();
    const asked = this.source;
    let connection: Connection = "lost";
    let problem = this.problem;
    try {
      const answer = await fetch("api/events", { signal: control.signal });
      problem = answer.ok ? "" : ((await answer.json()) as { Message: string }).Message;
      if (!answer.ok) connection = "refused";
    } catch {
      // not even an answer
    }
    control.abort();
    if (this.source !== asked) return; // it was paused meanwhile, or begun anew
    this.problem = problem;
    this.set(connection);
    this.timer = setTimeout(() => this.start(), AGAIN_MS[Math.min(this.failures++, AGAIN_MS.length - 1)]);
  }

  private set(connection: Connection): void {
    this.connection = connection;
    for (const listener of this.listeners) listener();
  }
}
