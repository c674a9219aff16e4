import type { Row } from "../model/tree";
import { state, visible } from "../model/format";
import { Badges } from "../parts/badges";
import { href } from "../parts/route";
import type { ColumnShape } from "./columns";

const LEVELS_MAX = 12; // beyond them names would leave their column

interface Props {
  row: Row;
  shown: ColumnShape[];
  index: number;
  top: number | undefined; // undefined: they stand below each other by themselves
  isSelected: boolean;
  time: number;
  toggle: (id: number) => void;
  select: (id: number) => void;
}

function Name({ row, toggle }: { row: Row; toggle: (id: number) => void }) {
  const { process, level, children, isOpen } = row;
  return (
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
  );
}

export function RowLine({ row, shown, index, top, isSelected, time, toggle, select }: Props) {
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
      {...(top === undefined ? {} : { style: { transform: `translateY(${top}px)` } })}
      onClick={() => select(process.id)}
      onDblClick={() => {
        location.hash = href(process.id);
      }}
    >
      {shown.map(({ column, cell, tip }) =>
        column === "name" ? (
          <Name key={column} row={row} toggle={toggle} />
        ) : (
          <div key={column} class={`cell ${column}`} role="gridcell" {...(tip ? { title: tip(process) } : {})}>
            {cell(process, time)}
          </div>
        ),
      )}
    </div>
  );
}

function count(children: number): string {
  return `${children} ${children === 1 ? "child" : "children"}`;
}
