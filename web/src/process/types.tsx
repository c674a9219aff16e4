import { useMemo, useState } from "preact/hooks";
import type { Heap } from "../model/api";
import { bytes, count, signed, visible } from "../model/format";
import { change, families, familyOf, fate, fileName, type Measure, mismatch, OTHERS, type Row, rowsOf, shortName } from "../model/heap";
import { grouped, type Piece } from "../model/treemap";
import { Areas, SIZE } from "../parts/areas";
import { type Sortable, useSorting } from "../parts/sorting";

const SHOWN_MAX = 1000;

const number = (value: number): string => value.toLocaleString("en");
const figure = (measure: Measure): ((value: number) => string) => (measure === "bytes" ? bytes : number);

const plainColumns: Sortable<Row>[] = [
  { title: "Bytes", isNumber: true, key: (row) => row.bytes, tip: "of the objects themselves, without what they refer to" },
  { title: "Objects", isNumber: true, key: (row) => row.count },
  { title: "Type", key: (row) => row.type.toLowerCase() },
];

const comparedColumns: Sortable<Row>[] = [
  { title: "Growth", isNumber: true, key: (row) => change(row, "bytes"), tip: "in bytes of the objects themselves, without what they refer to" },
  { title: "More objects", isNumber: true, key: (row) => change(row, "count") },
  { title: "Type", key: (row) => row.type.toLowerCase() },
  { title: "Bytes before", isNumber: true, key: (row) => row.before?.bytes ?? 0 },
  { title: "Bytes", isNumber: true, key: (row) => row.bytes },
  { title: "Objects before", isNumber: true, key: (row) => row.before?.count ?? 0 },
  { title: "Objects", isNumber: true, key: (row) => row.count },
];

function Name({ row }: { row: Row }) {
  const what = fate(row);
  return (
    <td class="what">
      <code>{visible(row.type)}</code> <span class="soft" title={visible(row.module)}>{visible(fileName(row.module))}</span>
      {what !== "" && <> <span class={what === "new" ? "badge warn" : "badge"}>{what}</span></>}
    </td>
  );
}

function Changed({ value, measure }: { value: number; measure: Measure }) {
  return <td class={`number ${value > 0 ? "grown" : "shrunk"}`}>{signed(value, figure(measure))}</td>;
}

function Line({ row }: { row: Row }) {
  if (row.before === undefined)
    return (
      <tr>
        <td class="number">{bytes(row.bytes)}</td>
        <td class="number">{number(row.count)}</td>
        <Name row={row} />
      </tr>
    );
  return (
    <tr>
      <Changed value={change(row, "bytes")} measure="bytes" />
      <Changed value={change(row, "count")} measure="count" />
      <Name row={row} />
      <td class="number soft">{bytes(row.before.bytes)}</td>
      <td class="number">{bytes(row.bytes)}</td>
      <td class="number soft">{number(row.before.count)}</td>
      <td class="number">{number(row.count)}</td>
    </tr>
  );
}

/** Types as areas: by what they take, each family with a colour; or by what they grew and shrank. */
function Picture({ rows, measure, isCompared, chosen, choose }: { rows: Row[]; measure: Measure; isCompared: boolean; chosen: Row[]; choose: (rows: Row[]) => void }) {
  const { tiles, names } = useMemo(() => {
    const names = isCompared ? ["grown", "shrunk"] : families(rows, measure);
    const shown = new Set(names);
    const family = (row: Row): string => (shown.has(familyOf(row)) ? familyOf(row) : OTHERS);
    const groupOf = isCompared ? (row: Row): string => (change(row, measure) > 0 ? "grown" : "shrunk") : family;
    return { names, tiles: grouped(rows, groupOf, (row) => Math.abs(isCompared ? change(row, measure) : row[measure]), SIZE) };
  }, [rows, measure, isCompared]);
  const all = tiles.reduce((sum, tile) => sum + tile.item.weight, 0);
  const others = ({ items }: Piece<Row>): string => (items.length > 1 ? `${number(items.length)} others` : "");
  const about = (piece: Piece<Row>): string => {
    const total = (of: (row: Row) => number): number => piece.items.reduce((sum, row) => sum + of(row), 0);
    const told = isCompared
      ? `${signed(total((row) => change(row, "bytes")), bytes) || "as many bytes"}, ${signed(total((row) => change(row, "count")), (value) => count(value, "object")) || "as many objects"}`
      : `${bytes(total((row) => row.bytes))}, ${count(total((row) => row.count), "object")}, ${((100 * piece.weight) / all).toFixed(1)} %`;
    return `${others(piece) || piece.items[0]!.type}: ${told}`;
  };
  if (tiles.length === 0) return <p class="soft">{isCompared ? `Nothing of it takes more or less ${measure === "bytes" ? "bytes" : "objects"} than before.` : "There is nothing to draw."}</p>;
  return (
    <Areas
      label={isCompared ? "Types by how they grew and shrank, as areas" : "Types by what they take, as areas"}
      tiles={tiles}
      name={(piece) => others(piece) || shortName(piece.items[0]!.type)}
      figure={(piece) => figure(measure)(piece.weight)}
      about={about}
      color={(group) => (isCompared ? `k-${group}` : `c${names.includes(group) ? names.indexOf(group) : names.length}`)}
      isChosen={(piece) => piece.items.length === chosen.length && piece.items[0] === chosen[0]}
      choose={(piece) => choose(piece.items)}
    />
  );
}

function Sum({ now, before, rows }: { now: Heap; before: Heap | undefined; rows: Row[] }) {
  const [size, objects] = [now.bytes ?? 0, now.count ?? 0];
  const about = [now.live ? "" : ", with those that nothing reaches any more", now.pause_microseconds ? `; the program stood still for ${Math.ceil(now.pause_microseconds / 1000)} ms` : ""].join("");
  if (before === undefined)
    return (
      <span class="soft" role="status">
        {count(objects, "object")} of {count(rows.length, "type")}, {bytes(size)}{about}
      </span>
    );
  const fates = (what: string): number => rows.filter((row) => fate(row) === what).length;
  return (
    <span class="soft" role="status">
      {signed(size - (before.bytes ?? 0), bytes) || "As many bytes"}, {signed(objects - (before.count ?? 0), (value) => count(value, "object")) || "as many objects"}: from {bytes(before.bytes ?? 0)} to {bytes(size)};{" "}
      {count(fates("new"), "new type")}, {number(fates("gone"))} gone
    </span>
  );
}

const kinds = { all: "All", grown: "Grown", shrunk: "Shrunk" } as const;
type Kind = keyof typeof kinds;

function isOf(kind: Kind, row: Row, measure: Measure): boolean {
  return kind === "all" || (kind === "grown" ? change(row, measure) > 0 : change(row, measure) < 0);
}

/** One count, or what changed since another: a picture, and a table that a click into it narrows down. */
export function Types({ now, before }: { now: Heap; before: Heap | undefined }) {
  const [measure, setMeasure] = useState<Measure>("bytes");
  const [kind, setKind] = useState<Kind>("all");
  const [filter, setFilter] = useState("");
  const [chosen, setChosen] = useState<Row[]>([]);
  const isCompared = before !== undefined;
  const { sort, titles } = useSorting(isCompared ? comparedColumns : plainColumns, 0);
  const rows = useMemo(() => rowsOf(now, before), [now, before]);
  const found = useMemo(() => {
    const word = filter.toLowerCase();
    return rows.filter((row) => (!isCompared || isOf(kind, row, measure)) && row.type.toLowerCase().includes(word));
  }, [rows, filter, kind, measure, isCompared]);
  const listed = chosen.length > 0 ? chosen : found;
  const sorted = useMemo(() => sort(listed).slice(0, SHOWN_MAX), [sort, listed]);
  const anew = <T,>(set: (value: T) => void): ((value: T) => void) => (value) => {
    set(value);
    setChosen([]);
  };
  return (
    <>
      {isCompared && mismatch(now, before) !== "" && <p class="advice" role="note">{visible(mismatch(now, before))}</p>}
      <div class="actions">
        <label><span class="hidden">Filter types</span><input type="search" placeholder="Filter types" value={filter} onInput={(event) => anew(setFilter)(event.currentTarget.value)} /></label>
        <span role="group" aria-label="Areas by" class="actions">
          <span>Areas:</span>
          {(["bytes", "count"] as const).map((one) => (
            <button key={one} type="button" aria-pressed={measure === one} onClick={() => anew(setMeasure)(one)}>{one === "bytes" ? "Bytes" : "Objects"}</button>
          ))}
        </span>
        {isCompared && (
          <span role="group" aria-label="Types that have" class="actions">
            <span>Types:</span>
            {(Object.keys(kinds) as Kind[]).map((one) => (
              <button key={one} type="button" aria-pressed={kind === one} onClick={() => anew(setKind)(one)}>{kinds[one]}</button>
            ))}
          </span>
        )}
        <Sum now={now} before={before} rows={rows} />
      </div>
      <Picture rows={found} measure={measure} isCompared={isCompared} chosen={chosen} choose={(items) => setChosen(items.length === chosen.length && items[0] === chosen[0] ? [] : items)} />
      {chosen.length > 0 && (
        <p class="actions">
          <span>Only {chosen.length === 1 ? <code>{visible(chosen[0]!.type)}</code> : `${number(chosen.length)} others`}</span>
          <button type="button" onClick={() => setChosen([])}>All types</button>
        </p>
      )}
      <div class="scroll">
        <table>
          <caption class="hidden">{isCompared ? "What changed in the heap" : "What fills the heap"}</caption>
          <thead>{titles}</thead>
          <tbody>{sorted.map((row) => <Line key={row.key} row={row} />)}</tbody>
        </table>
      </div>
      {listed.length > SHOWN_MAX && <p class="soft">and {count(listed.length - SHOWN_MAX, "more type")}</p>}
    </>
  );
}
