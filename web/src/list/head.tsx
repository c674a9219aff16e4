import { useState } from "preact/hooks";
import type { Column, Order } from "../model/tree";
import type { ColumnShape } from "./columns";

/** The columns' titles, which sort. One of them is reached by Tab, the others from there by arrows. */
export function Head({ shown, order, sort }: { shown: ColumnShape[]; order: Order; sort: (column: Column) => void }) {
  const [at, setAt] = useState<Column>(order.column);
  const reached = shown.some((one) => one.column === at) ? at : "name";
  const move = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = shown[shown.findIndex((one) => one.column === reached) + step];
    if (step === 0 || !next) return;
    setAt(next.column);
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`.${next.column} button`)?.focus();
    event.preventDefault();
  };
  return (
    <div class="row head" role="row" aria-rowindex={1} onKeyDown={move}>
      {shown.map(({ column, title }) => (
        <div
          key={column}
          class={`cell ${column}`}
          role="columnheader"
          aria-sort={order.column === column ? (order.descending ? "descending" : "ascending") : "none"}
        >
          <button
            type="button"
            tabIndex={column === reached ? 0 : -1}
            onFocus={() => setAt(column)}
            onClick={() => sort(column)}
          >
            {title}
            <span aria-hidden="true">{order.column === column ? (order.descending ? " ↓" : " ↑") : ""}</span>
          </button>
        </div>
      ))}
    </div>
  );
}
