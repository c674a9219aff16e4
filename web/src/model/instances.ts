/** The instances that know each other (docs/INSTANCES.md), and what each of them says of its machine. */
import { Problem } from "./api";
import { History } from "./processes";

export interface Instance {
  id?: string;
  name?: string;
  url?: string;
  version?: string;
  state?: "running" | "unreachable" | "gone" | "conflict";
  problem?: string;
  is_self: boolean;
  last_seen?: string;
}

/** What one is called. Of one that never answered only the address is known. */
export function title(one: Instance): string {
  return one.name ?? one.id ?? one.url ?? "unknown";
}

/** The one whose page this is first, then by name. */
export function ordered(list: Instance[]): Instance[] {
  return [...list].sort((a, b) => Number(b.is_self) - Number(a.is_self) || title(a).localeCompare(title(b), "en", { numeric: true }));
}

/** Whether requests are passed on to it: to one that did not answer last they are, since it may do so by now. */
export function isOpen(one: Instance): boolean {
  return one.id !== undefined && one.state !== "gone" && one.state !== "conflict";
}

/** Where an instance's page and routes begin, seen from the page at `path`: that may be below /instances/ID/ itself. Relative, as all addresses are. */
export function base(path: string, self: Instance | undefined, id: string): string {
  const parts = path.split("/");
  const own = parts[parts.length - 2];
  const isBelow = parts[parts.length - 3] === "instances" && self?.id !== undefined && own !== undefined && same(own, self.id);
  return `${isBelow ? "../" : "instances/"}${encodeURIComponent(id)}/`;
}

function same(part: string, id: string): boolean {
  try {
    return decodeURIComponent(part).toLowerCase() === id.toLowerCase(); // ids are taken in any case
  } catch {
    return false;
  }
}

/** How long ago it was heard of, in ms, by the clock of the one that was asked. */
export function silence(one: Instance, now: number): number | undefined {
  const at = Date.parse(one.last_seen ?? "");
  return Number.isNaN(at) ? undefined : Math.max(0, now - at);
}

/** A machine's figures, of docs/METRICS.md. */
export interface Figures {
  processors?: number;
  load?: number;
  busy?: number; // seconds, of all processors
  memory?: number;
  available?: number;
}

const names: Record<string, keyof Figures> = {
  procscope_host_processors: "processors",
  procscope_host_load1: "load",
  procscope_host_cpu_busy_seconds_total: "busy",
  procscope_host_memory_bytes: "memory",
  procscope_host_memory_available_bytes: "available",
};

/** Of Prometheus's text format only what has no labels. */
export function figures(text: string): Figures {
  const found: Figures = {};
  for (const [, name = "", value] of text.matchAll(/^(procscope_host_\w+) (\S+)$/gm)) {
    const [key, number] = [names[name], Number(value)];
    if (key && Number.isFinite(number)) found[key] = number;
  }
  return found;
}

/** Per cent of all processors, between two looks. `at` in ms. */
export function load(before: { at: number; figures: Figures } | undefined, now: { at: number; figures: Figures }): number | undefined {
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  const [from, to, processors] = [before?.figures.busy, now.figures.busy, now.figures.processors];
  if (from === undefined || to === undefined || !processors || seconds <= 0 || to < from) return undefined; // less: it has begun anew
  return Math.min(100, (100 * (to - from)) / (seconds * processors));
}

/** Lets so many go on at a time, in their order. */
export class Gate {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(places: number) {
    this.free = places;
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((go) => this.waiting.push(go));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
}

/** What is known of one. Figures stay when it does not answer any more, with the error beside them. */
export interface Seen {
  figures?: Figures;
  processes?: number;
  cpu?: number;
  error?: unknown;
  readonly cpuHistory: History;
  readonly memoryHistory: History;
  /** Of the last answer. */
  at: number;
}

export interface Answer {
  at: number;
  figures: Figures;
  processes: number;
}

export const PATIENCE_MS = 8000;
const SURE = 3; // browsers give one host six connections: two are of the events and the list of instances
const DOUBTFUL = 1;

/** Asks all that run, each for itself. Those that did not answer last share one place, so that they hold up no other. */
export class Board {
  readonly seen = new Map<string, Seen>();
  private readonly sure = new Gate(SURE);
  private readonly doubtful = new Gate(DOUBTFUL);
  private readonly busy = new Set<string>();
  private readonly control = new AbortController();

  constructor(
    private readonly ask: (id: string, signal: AbortSignal) => Promise<Answer>,
    private readonly changed: () => void,
  ) {}

  /** One turn. Who has not answered the last one yet is not asked twice. */
  look(list: Instance[]): void {
    const ids = new Set(list.map((one) => one.id));
    for (const id of this.seen.keys()) if (!ids.has(id)) this.seen.delete(id);
    for (const one of list) if (one.id !== undefined && one.state === "running" && !this.busy.has(one.id)) void this.visit(one.id);
  }

  stop(): void {
    this.control.abort();
  }

  private async visit(id: string): Promise<void> {
    const seen: Seen = this.seen.get(id) ?? { cpuHistory: new History(), memoryHistory: new History(), at: 0 };
    this.seen.set(id, seen);
    this.busy.add(id);
    try {
      const answer = await (seen.error === undefined ? this.sure : this.doubtful).pass(() => this.patiently(id));
      delete seen.error;
      take(seen, answer);
    } catch (error) {
      seen.error = error;
    }
    this.busy.delete(id);
    if (!this.control.signal.aborted) this.changed();
  }

  private async patiently(id: string): Promise<Answer> {
    const control = new AbortController();
    const stop = (): void => control.abort();
    const late = new Problem(0, `It did not answer within ${PATIENCE_MS / 1000} seconds.`);
    const timer = setTimeout(() => control.abort(late), PATIENCE_MS);
    this.control.signal.addEventListener("abort", stop);
    try {
      if (this.control.signal.aborted) stop();
      return await this.ask(id, control.signal);
    } catch (error) {
      throw control.signal.reason === late ? late : error;
    } finally {
      clearTimeout(timer);
      this.control.signal.removeEventListener("abort", stop);
    }
  }
}

function take(seen: Seen, answer: Answer): void {
  const cpu = load(seen.figures && { at: seen.at, figures: seen.figures }, answer);
  if (cpu === undefined) delete seen.cpu;
  else {
    seen.cpu = cpu;
    seen.cpuHistory.add(cpu);
  }
  const { memory, available } = answer.figures;
  if (memory && available !== undefined) seen.memoryHistory.add((100 * (memory - available)) / memory);
  seen.figures = answer.figures;
  seen.processes = answer.processes;
  seen.at = answer.at;
}
