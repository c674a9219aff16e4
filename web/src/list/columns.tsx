import type { ComponentChildren } from "preact";
import type { Process } from "../model/processes";
import { bytes, duration, percent, rate, state, visible } from "../model/format";
import type { Column } from "../model/tree";
import { Spark } from "../parts/spark";

export interface ColumnShape {
  column: Column;
  title: string;
  /** What it is, for who chooses. */
  about: string;
  isUsual: boolean;
  cell: (process: Process, time: number) => ComponentChildren;
  tip?: (process: Process) => string;
}

/** In the order in which they stand. The first is always there, and its cell is the row's own. */
export const columns: ColumnShape[] = [
  { column: "name", title: "Process", about: "its name, and badges", isUsual: true, cell: () => undefined },
  { column: "id", title: "PID", about: "its number", isUsual: true, cell: (process) => process.id },
  { column: "parent", title: "Parent", about: "the number of who started it", isUsual: false, cell: (process) => process.parent || "" },
  { column: "user", title: "User", about: "as whom it runs", isUsual: true, cell: (process) => visible(process.user ?? ""), tip: (process) => visible(process.user ?? "") },
  { column: "state", title: "State", about: "running, sleeping, stopped", isUsual: false, cell: (process) => state(process.state) },
  {
    column: "start",
    title: "Age",
    about: "for how long it has been there",
    isUsual: false,
    cell: (process, time) => duration(time - process.start),
    tip: (process) => new Date(process.start).toLocaleString(),
  },
  {
    column: "cpu",
    title: "CPU %",
    about: "of one processor, with the last minute",
    isUsual: true,
    cell: (process, time) => (
      <>
        <Spark history={process.cpuHistory} least={10} time={time} />
        <span>{percent(process.cpu)}</span>
      </>
    ),
  },
  {
    column: "memory",
    title: "Memory",
    about: "resident, with the last minute",
    isUsual: true,
    cell: (process, time) => (
      <>
        <Spark history={process.memoryHistory} least={0} time={time} />
        <span>{process.memory === 0 ? "" : bytes(process.memory)}</span>
      </>
    ),
  },
  { column: "threads", title: "Threads", about: "how many", isUsual: true, cell: (process) => process.threads },
  {
    column: "io",
    title: "I/O",
    about: "from and to storage, with the last minute",
    isUsual: true,
    cell: (process, time) => (
      <>
        <Spark history={process.ioHistory} least={65536} time={time} />
        <span>{rate(process.read + process.written)}</span>
      </>
    ),
    tip: (process) => (process.read + process.written > 0 ? `reads ${bytes(process.read)}/s, writes ${bytes(process.written)}/s` : ""),
  },
  { column: "read", title: "Read", about: "from storage, a second", isUsual: false, cell: (process) => rate(process.read) },
  { column: "written", title: "Written", about: "to storage, a second", isUsual: false, cell: (process) => rate(process.written) },
  { column: "runtime", title: "Runtime", about: "what runs its code", isUsual: false, cell: (process) => visible(process.runtime ?? "") },
  {
    column: "unit",
    title: "Unit",
    about: "systemd's, or its container",
    isUsual: true,
    cell: (process) => visible(process.unit ?? process.container ?? ""),
    tip: (process) => visible(process.unit ?? process.container ?? ""),
  },
  { column: "container", title: "Container", about: "the beginning of its id", isUsual: false, cell: (process) => visible(process.container ?? "") },
  {
    column: "command",
    title: "Command",
    about: "with what it was started",
    isUsual: true,
    cell: (process) => visible(process.command ?? ""),
    tip: (process) => visible(process.command ?? ""),
  },
];

/** What was chosen, as it is kept; "": what is usual, without units where there are none. */
export function shownColumns(kept: string, hasUnits: boolean): ColumnShape[] {
  if (kept === "") return columns.filter((one) => one.isUsual && (one.column !== "unit" || hasUnits));
  const chosen = kept.split(" ");
  return columns.filter((one) => one.column === "name" || chosen.includes(one.column));
}

export function keepColumns(shown: ColumnShape[]): string {
  return shown.map((one) => one.column).join(" ");
}
