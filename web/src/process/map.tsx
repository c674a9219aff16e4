import { useMemo, useState } from "preact/hooks";
import type { Mapping, MemorySum } from "../model/api";
import { bytes, visible } from "../model/format";
import { type Area, type Tile, treemap } from "../model/treemap";

const SIZE = { width: 1000, height: 320 };
const TILES_MAX = 600;
const LEAST = 0.0004; // of all: smaller ones of a kind are one tile
const NAME_WIDTH = 70; // of a tile that has room for a name, in SIZE's units
const NAME_HEIGHT = 22;

interface Piece {
  kind: string;
  name: string;
  weight: number;
  about: string;
}

export const weight = (sum: MemorySum): number => sum.rss + (sum.swap ?? 0);

function piece(sum: MemorySum | Mapping): Piece {
  const range = "start" in sum ? `${sum.start}-${sum.end} ${sum.permissions}, ` : "";
  return {
    kind: sum.kind,
    name: sum.name === undefined ? sum.kind : (sum.name.split("/").pop() ?? sum.name),
    weight: weight(sum),
    about: `${sum.name ?? sum.kind}: ${bytes(sum.rss)} in memory${sum.swap ? `, ${bytes(sum.swap)} swapped out` : ""} (${range}${bytes(sum.size)} of addresses)`,
  };
}

/** What is too small to be seen is one piece of its kind. */
function pieces(sums: (MemorySum | Mapping)[]): Map<string, Piece[]> {
  const all = sums.reduce((sum, one) => sum + weight(one), 0);
  const kinds = new Map<string, { large: Piece[]; small: number; count: number }>();
  const sorted = [...sums].sort((a, b) => weight(b) - weight(a));
  sorted.forEach((sum, i) => {
    if (weight(sum) === 0) return;
    const kind = kinds.get(sum.kind) ?? { large: [], small: 0, count: 0 };
    kinds.set(sum.kind, kind);
    if (i < TILES_MAX && weight(sum) >= LEAST * all) kind.large.push(piece(sum));
    else {
      kind.small += weight(sum);
      kind.count++;
    }
  });
  return new Map(
    [...kinds].map(([kind, { large, small, count }]) => [
      kind,
      small === 0 ? large : [...large, { kind, name: `${count} smaller`, weight: small, about: `${count} smaller ones: ${bytes(small)}` }],
    ]),
  );
}

export function layout(sums: (MemorySum | Mapping)[]): Tile<Piece>[] {
  const kinds = [...pieces(sums)].map(([kind, list]) => ({ kind, list, weight: list.reduce((sum, one) => sum + one.weight, 0) }));
  const whole: Area = { left: 0, top: 0, ...SIZE };
  return treemap(kinds, (one) => one.weight, whole).flatMap((tile) => treemap(tile.item.list, (one) => one.weight, tile));
}

/** What takes the space: each mapping as a rectangle as large as what it has in memory and swap, those of a kind together. */
export function MemoryMap({ sums }: { sums: (MemorySum | Mapping)[] }) {
  const tiles = useMemo(() => layout(sums), [sums]);
  const [at, setAt] = useState<Piece | undefined>();
  const part = (value: number, all: number): string => `${(100 * value) / all}%`;
  const kinds = [...new Set(tiles.map((tile) => tile.item.kind))];
  return (
    <figure class="memory-map">
      <div class="map" role="img" aria-label={`What takes the space, as areas; the largest: ${tiles[0]?.item.about ?? "nothing"}`} onPointerLeave={() => setAt(undefined)}>
        {tiles.map(({ item, left, top, width, height }, i) => (
          <span
            key={i}
            class={`tile k-${item.kind}`}
            style={{ left: part(left, SIZE.width), top: part(top, SIZE.height), width: part(width, SIZE.width), height: part(height, SIZE.height) }}
            title={visible(item.about)}
            onPointerEnter={() => setAt(item)}
          >
            {width > NAME_WIDTH && height > NAME_HEIGHT && <>{visible(item.name)} <small>{bytes(item.weight)}</small></>}
          </span>
        ))}
      </div>
      <figcaption class="legend soft">
        {kinds.map((kind) => <span key={kind}><i class={`k-${kind}`} /> {kind}</span>)}
        <span class="told">{at ? visible(at.about) : ""}</span>
      </figcaption>
    </figure>
  );
}
