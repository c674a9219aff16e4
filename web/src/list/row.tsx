import type { Column, Row } from "../model/tree";
import { bytes, percent, rate, state, visible } from "../model/format";
import { Badges } from "../parts/badges";
import { href } from "../parts/route";
import { Spark } from "../parts/spark";

export const columns: { column: Column; title: string }[] = [
  { column: "name", title: "Process" },
  { column: "id", title: "PID" },
  { column: "user", title: "User" },
  { column: "cpu", title: "CPU %" },
  { column: "memory", title: "Memory" },
  { column: "threads", title: "Threads" },
  { column: "read", title: "Read" },
  { column: "written", title: "Written" },
  { column: "unit", title: "Unit" },
  { column: "command", title: "Command" },
];

const LEVELS_MAX = 12; // beyond them names would leave their column

interface Props {
  row: Row;
  index: number;
  top: number;
  isSelected: boolean;
  time: number;
  toggle: (id: number) => void;
  select: (id: number) => void;
}

export function RowLine({ row, index, top, isSelected, time, toggle, select }: Props) {
  const { process, level, children, isOpen, isMatch } = row;
  return (
    <div
      class={`row${isSelected ? " selected" : ""}${isMatch ? "" : " faint"}`}
      id={`p${process.id}`}
      role="row"
      aria-rowindex={index + 2}
      aria-level={level}
      aria-selected={isSelected}
      {...(children > 0 ? { "aria-expanded": isOpen } : {})}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => select(process.id)}
      onDblClick={() => {
        location.hash = href(process.id);
      }}
    >
      <div class="cell name" role="gridcell">
        <span class="indent" style={{ width: `${Math.min(level - 1, LEVELS_MAX) * 14}px` }} />
        {children > 0 ? (
          <button
            type="button"
            class="fold"
            tabIndex={-1}
            aria-label={`${isOpen ? "Fold" : "Unfold"} ${count(children)}`}
            onClick={() => toggle(process.id)}
          >
            {isOpen ? "▾" : "▸"}
          </button>
        ) : (
          <span class="fold" />
        )}
        <a href={href(process.id)} tabIndex={-1} title={`${visible(process.name)}: ${state(process.state)}`}>
          {visible(process.name)}
        </a>
        <Badges process={process} />
      </div>
      <div class="cell id" role="gridcell">{process.id}</div>
      <div class="cell user" role="gridcell">{visible(process.user ?? "")}</div>
      <div class="cell cpu" role="gridcell">
        <Spark history={process.cpuHistory} least={10} time={time} />
        <span>{percent(process.cpu)}</span>
      </div>
      <div class="cell memory" role="gridcell">
        <Spark history={process.memoryHistory} least={0} time={time} />
        <span>{process.memory === 0 ? "" : bytes(process.memory)}</span>
      </div>
      <div class="cell threads" role="gridcell">{process.threads}</div>
      <div class="cell read" role="gridcell">{rate(process.read)}</div>
      <div class="cell written" role="gridcell">{rate(process.written)}</div>
      <div class="cell unit" role="gridcell" title={process.unit ?? process.container ?? ""}>{visible(process.unit ?? process.container ?? "")}</div>
      <div class="cell command" role="gridcell" title={visible(process.command ?? "")}>{visible(process.command ?? "")}</div>
    </div>
  );
}

function count(children: number): string {
  return `${children} ${children === 1 ? "child" : "children"}`;
}
