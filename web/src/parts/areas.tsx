import { useEffect, useState } from "preact/hooks";
import { type Area, type Direction, neighbour, type Piece, type Tile } from "../model/treemap";
import { visible } from "../model/format";

export const SIZE: Area = { left: 0, top: 0, width: 1000, height: 320 };
const NAME_WIDTH = 70; // of a tile that has room for a name, in SIZE's units
const NAME_HEIGHT = 22;

const directions: Record<string, Direction> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

interface Props<T> {
  /** What the areas are. */
  label: string;
  tiles: Tile<Piece<T>>[];
  name: (piece: Piece<T>) => string;
  figure: (piece: Piece<T>) => string;
  /** The whole of it, in a line. */
  about: (piece: Piece<T>) => string;
  /** The class of a group's colour. */
  color: (group: string) => string;
  /** What can be chosen is reached by keys: arrows lead from one to the next. */
  choose?: (piece: Piece<T>) => void;
  isChosen?: (piece: Piece<T>) => boolean;
}

/** Things as rectangles as large as their weights, those of a group together and of one colour. */
export function Areas<T>({ label, tiles, name, figure, about, color, choose, isChosen }: Props<T>) {
  const [at, setAt] = useState<Piece<T> | undefined>();
  const [key, setKey] = useState(0); // of the one that Tab leads to
  useEffect(() => {
    setAt(undefined);
    setKey(0);
  }, [tiles]);
  const part = (value: number, all: number): string => `${(100 * value) / all}%`;
  const groups = [...new Set(tiles.map((tile) => tile.item.group))];
  const move = (event: KeyboardEvent): void => {
    const [from, direction] = [tiles[key], directions[event.key]];
    const next = event.key === "Home" ? 0 : event.key === "End" ? tiles.length - 1 : from && direction ? tiles.indexOf(neighbour(tiles, from, direction)) : -1;
    if (next < 0) return;
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".tile")[next]?.focus();
    event.preventDefault();
  };
  const tile = ({ item, left, top, width, height }: Tile<Piece<T>>, i: number) => {
    const props = {
      class: `tile ${color(item.group)}`,
      style: { left: part(left, SIZE.width), top: part(top, SIZE.height), width: part(width, SIZE.width), height: part(height, SIZE.height) },
      title: visible(about(item)),
      onPointerEnter: () => setAt(item),
    };
    const text = width > NAME_WIDTH && height > NAME_HEIGHT && <span class="cut">{visible(name(item))} <small>{figure(item)}</small></span>;
    if (!choose) return <span key={i} {...props}>{text}</span>;
    return (
      <button
        key={i}
        type="button"
        {...props}
        aria-label={visible(about(item))}
        aria-pressed={isChosen?.(item) ?? false}
        tabIndex={i === key ? 0 : -1}
        onFocus={() => { setKey(i); setAt(item); }}
        onClick={() => choose(item)}
      >
        {text}
      </button>
    );
  };
  const largest = tiles[0] === undefined ? "nothing" : visible(about(tiles[0].item));
  return (
    <figure class="memory-map">
      <div
        class="map"
        role={choose ? "group" : "img"}
        aria-label={choose ? `${label}; arrow keys lead from one to the next` : `${label}; the largest: ${largest}`}
        onPointerLeave={() => setAt(undefined)}
        onKeyDown={choose && move}
      >
        {tiles.map(tile)}
      </div>
      <figcaption class="legend soft">
        {groups.map((group) => <span key={group}><i class={color(group)} /> {visible(group)}</span>)}
        <span class="told">{at ? visible(about(at)) : ""}</span>
      </figcaption>
    </figure>
  );
}
