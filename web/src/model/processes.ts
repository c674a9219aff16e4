/** What is known of all processes by the events of docs/EVENTS.md. */

export const HISTORY = 60;

export interface Host {
  cpu: number;
  processors: number;
  memory_total?: number;
  memory_available?: number;
  swap_total?: number;
  swap_free?: number;
  load?: number;
  cpu_pressure?: number;
  memory_pressure?: number;
  io_pressure?: number;
}

export interface Facts {
  id: number;
  parent: number;
  start: number;
  name: string;
  user?: string;
  command?: string;
  unit?: string;
  container?: string;
  runtime?: string;
  badges?: string[];
  state: string;
  cpu: number;
  memory: number;
  threads: number;
  read: number;
  written: number;
}

/** The last HISTORY values, the newest last. */
export class History {
  readonly values = new Float64Array(HISTORY);
  length = 0;

  add(value: number): void {
    if (this.length === HISTORY) this.values.copyWithin(0, 1);
    else this.length++;
    this.values[this.length - 1] = value;
  }
}

export interface Process extends Facts {
  cpuHistory: History;
  memoryHistory: History;
  ioHistory: History;
  /** In lower case: what a filter looks through. */
  text: string;
}

export interface Tick {
  time: number;
  interval: number;
  count: number;
  machine?: string;
  host: Host;
  ended?: number[];
  processes?: Facts[];
  changed?: ({ id: number } & Partial<Facts>)[];
}

function searchText(facts: Facts): string {
  const parts = [facts.id, facts.name, facts.user, facts.command, facts.unit, facts.container, facts.runtime, ...(facts.badges ?? [])];
  return parts.filter((part) => part !== undefined).join("\n").toLowerCase();
}

export class Processes {
  readonly all = new Map<number, Process>();
  host: Host | undefined;
  machine = "";
  time = 0;
  interval = 1000;
  count = 0;
  readonly cpuHistory = new History();
  readonly memoryHistory = new History();

  /** All anew; what was known of the same processes before goes on. */
  snapshot(tick: Tick): void {
    const before = new Map(this.all);
    this.all.clear();
    for (const facts of tick.processes ?? []) this.put(facts, before.get(facts.id));
    this.finish(tick);
  }

  tick(tick: Tick): void {
    for (const id of tick.ended ?? []) this.all.delete(id);
    for (const facts of tick.processes ?? []) this.put(facts, this.all.get(facts.id));
    for (const change of tick.changed ?? []) {
      const process = this.all.get(change.id);
      if (process) Object.assign(process, change);
    }
    this.finish(tick);
  }

  private put(facts: Facts, before: Process | undefined): void {
    const same = before?.start === facts.start ? before : undefined;
    this.all.set(facts.id, {
      ...facts,
      cpuHistory: same?.cpuHistory ?? new History(),
      memoryHistory: same?.memoryHistory ?? new History(),
      ioHistory: same?.ioHistory ?? new History(),
      text: searchText(facts),
    });
  }

  private finish(tick: Tick): void {
    this.host = tick.host;
    this.time = tick.time;
    this.interval = tick.interval;
    this.count = tick.count;
    this.machine = tick.machine ?? this.machine;
    this.cpuHistory.add(tick.host.cpu);
    if (tick.host.memory_total && tick.host.memory_available !== undefined) {
      this.memoryHistory.add((100 * (tick.host.memory_total - tick.host.memory_available)) / tick.host.memory_total);
    }
    for (const process of this.all.values()) {
      process.cpuHistory.add(process.cpu);
      process.memoryHistory.add(process.memory);
      process.ioHistory.add(process.read + process.written);
    }
  }
}
