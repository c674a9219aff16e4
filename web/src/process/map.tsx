import { useMemo } from "preact/hooks";
import type { Mapping, MemorySum } from "../model/api";
import { bytes } from "../model/format";
import { grouped, type Piece, type Tile } from "../model/treemap";
import { Areas, SIZE } from "../parts/areas";

type Sum = MemorySum | Mapping;

export const weight = (sum: MemorySum): number => sum.rss + (sum.swap ?? 0);

export function nameOf({ group, items }: Piece<Sum>): string {
  if (items.length > 1) return `${items.length} smaller`;
  return items[0]?.name?.split("/").pop() ?? group;
}

function about({ items, weight }: Piece<Sum>): string {
  const sum = items[0]!;
  if (items.length > 1) return `${items.length} smaller ones: ${bytes(weight)}`;
  const range = "start" in sum ? `${sum.start}-${sum.end} ${sum.permissions}, ` : "";
  return `${sum.name ?? sum.kind}: ${bytes(sum.rss)} in memory${sum.swap ? `, ${bytes(sum.swap)} swapped out` : ""} (${range}${bytes(sum.size)} of addresses)`;
}

export function layout(sums: Sum[]): Tile<Piece<Sum>>[] {
  return grouped(sums, (sum) => sum.kind, weight, SIZE);
}

/** What takes the space: each mapping as a rectangle as large as what it has in memory and swap, those of a kind together. */
export function MemoryMap({ sums }: { sums: Sum[] }) {
  const tiles = useMemo(() => layout(sums), [sums]);
  return (
    <Areas
      label="What takes the space, as areas"
      tiles={tiles}
      name={nameOf}
      figure={(piece) => bytes(piece.weight)}
      about={about}
      color={(kind) => `k-${kind}`}
    />
  );
}
