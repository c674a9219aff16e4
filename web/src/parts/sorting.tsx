import type { ComponentChildren } from "preact";
import { useCallback, useState } from "preact/hooks";

export interface Sortable<T> {
  title: string;
  isNumber?: boolean;
  /** What it is sorted by; large numbers come first. */
  key: (one: T) => string | number;
  tip?: string;
}

/** Rows by one of their columns, and the titles that choose it. `sort` stays the same function as long as the order does. */
export function useSorting<T>(columns: Sortable<T>[], first: number): { sort: (rows: T[]) => T[]; titles: ComponentChildren } {
  const [order, setOrder] = useState({ at: first, isTurned: false });
  const column = columns[order.at]!;
  const sign = (column.isNumber ? -1 : 1) * (order.isTurned ? -1 : 1);
  const sort = useCallback(
    (rows: T[]): T[] =>
      rows
        .map((row) => ({ row, key: column.key(row) }))
        .sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? -sign : sign))
        .map((one) => one.row),
    [column, sign],
  );
  const titles = (
    <tr>
      {columns.map(({ title, isNumber, tip }, i) => (
        <th key={title} scope="col" class={isNumber ? "number" : ""} title={tip} aria-sort={i !== order.at ? "none" : sign > 0 ? "ascending" : "descending"}>
          <button type="button" class="sorter" onClick={() => setOrder({ at: i, isTurned: i === order.at && !order.isTurned })}>
            {title}
            <span aria-hidden="true">{i !== order.at ? "" : sign > 0 ? " ↑" : " ↓"}</span>
          </button>
        </th>
      ))}
    </tr>
  );
  return { sort, titles };
}
