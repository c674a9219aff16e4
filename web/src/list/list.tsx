import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Live } from "../model/live";
import { count } from "../model/format";
import { type Column, descendsFirst, type Order, rows } from "../model/tree";
import { useKept } from "../parts/keep";
import { FindHandle } from "./handles";
import { Head } from "./head";
import { Help } from "./help";
import { Chooser } from "./chooser";
import { columns, shownColumns } from "./columns";
import { useKeys } from "./keys";
import { RowLine } from "./row";
import { usePrinting } from "../parts/printing";

const AROUND = 8; // rows beyond what is seen

function readOrder(text: string): Order {
  const [column, direction] = text.split(" ");
  return { column: columns.find((one) => one.column === column)?.column ?? "name", descending: direction === "down" };
}

/** The live tree of processes. It stays while a process is looked at, so that one comes back to where one was. */
export function List({ live, isShown }: { live: Live; isShown: boolean }) {
  const [filter, setFilter] = useState("");
  const [orderText, setOrderText] = useKept("order", "name up");
  const [shape, setShape] = useKept("shape", "tree");
  const [kernel, setKernel] = useKept("kernel", "no");
  const [keptColumns, setColumns] = useKept("columns", "");
  const [collapsed, setCollapsed] = useState<ReadonlySet<number>>(new Set());
  const [selected, setSelected] = useState(0);
  const [isHelp, setHelp] = useState(false);
  const [isFinding, setFinding] = useState(false);
  const [isChoosing, setChoosing] = useState(false);
  const isPrinting = usePrinting();
  const [scroll, setScroll] = useState({ top: 0, height: 800, row: 26 });
  const input = useRef<HTMLInputElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const order = useMemo(() => readOrder(orderText), [orderText]);
  const { all, time } = live.processes;
  const list = useMemo(
    () => (isShown ? rows(all, { filter, order, isTree: shape === "tree", kernel: kernel === "yes", collapsed }) : []),
    [all, time, filter, order, shape, kernel, collapsed, isShown],
  );
  const hasUnits = useMemo(() => [...all.values()].some((process) => process.unit ?? process.container), [all, time]);
  const shown = useMemo(() => shownColumns(keptColumns, hasUnits), [keptColumns, hasUnits]);
  const at = Math.max(0, list.findIndex((row) => row.process.id === selected));

  const look = (): void => {
    const element = body.current;
    if (!element) return;
    const row = element.querySelector<HTMLElement>(".row")?.offsetHeight ?? scroll.row;
    setScroll({ top: element.scrollTop, height: element.clientHeight, row: row || 26 });
  };
  useEffect(() => {
    look();
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, [isShown, list.length > 0]);
  useEffect(() => {
    if (isShown) body.current?.focus({ preventScroll: true });
  }, [isShown]);

  const toggle = (id: number, open?: boolean): void => {
    const next = new Set(collapsed);
    if (open ?? next.has(id)) next.delete(id);
    else next.add(id);
    setCollapsed(next);
  };
  const select = (index: number): void => {
    const row = list[Math.max(0, Math.min(list.length - 1, index))];
    const element = body.current;
    if (!row || !element) return;
    const top = list.indexOf(row) * scroll.row;
    setSelected(row.process.id);
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + scroll.row > element.scrollTop + element.clientHeight) element.scrollTop = top + scroll.row - element.clientHeight;
  };
  const sort = (column: Column): void => {
    const down = order.column === column ? !order.descending : descendsFirst(column);
    setOrderText(`${column} ${down ? "down" : "up"}`);
  };

  useKeys({
    isActive: isShown && !isHelp && !isFinding && !isChoosing,
    list,
    at,
    page: Math.max(1, Math.floor(scroll.height / scroll.row) - 1),
    grid: body,
    select,
    toggle,
    focusFilter: () => input.current?.select(),
    leaveFilter: () => {
      setFilter("");
      body.current?.focus();
    },
    pause: () => (live.connection === "paused" ? live.start() : live.pause()),
    shape: () => setShape(shape === "tree" ? "flat" : "tree"),
    help: () => setHelp(true),
    find: () => setFinding(true),
    choose: () => setChoosing(true),
  });

  const first = isPrinting ? 0 : Math.max(0, Math.floor(scroll.top / scroll.row) - AROUND);
  const last = isPrinting ? list.length : Math.min(list.length, Math.ceil((scroll.top + scroll.height) / scroll.row) + AROUND);
  const selectedId = list[at] ? `p${list[at].process.id}` : undefined;
  return (
    <main class="list" hidden={!isShown}>
      <div class="tools">
        <label class="filter">
          <span class="hidden">Filter</span>
          <input
            ref={input}
            type="search"
            placeholder="Filter: name, command, pid, user:root, is:stopped   ( / )"
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
            spellcheck={false}
            autocomplete="off"
          />
        </label>
        <button type="button" aria-pressed={shape === "tree"} onClick={() => setShape(shape === "tree" ? "flat" : "tree")} title="t">
          Tree
        </button>
        <button type="button" aria-pressed={kernel === "yes"} onClick={() => setKernel(kernel === "yes" ? "no" : "yes")}>
          Kernel
        </button>
        <button type="button" class="choose-columns" onClick={() => setChoosing(true)} title="c">
          Columns
        </button>
        <button type="button" onClick={() => setFinding(true)} title="f">
          Who has it open?
        </button>
        <button type="button" onClick={() => setHelp(true)} title="?" aria-label="Help">
          ?
        </button>
        <span class="soft count" role="status">{all.size > 0 && count(list.length, "process", "processes")}</span>
      </div>
      <div
        class={isPrinting ? "grid printing" : "grid"}
        role="treegrid"
        aria-label="Processes"
        aria-rowcount={list.length + 1}
        aria-activedescendant={selectedId}
        tabIndex={0}
        ref={body}
        onScroll={look}
      >
        <Head shown={shown} order={order} sort={sort} />
        <div class="rows" role="rowgroup" style={{ height: isPrinting ? "auto" : `${list.length * scroll.row}px` }}>
          {list.slice(first, last).map((row, i) => (
            <RowLine
              key={row.process.id}
              row={row}
              shown={shown}
              index={first + i}
              top={isPrinting ? undefined : (first + i) * scroll.row}
              isSelected={first + i === at}
              time={time}
              toggle={toggle}
              select={setSelected}
            />
          ))}
        </div>
        {list.length === 0 && all.size > 0 && <p class="empty soft">No process is like that.</p>}
      </div>
      {isFinding && <FindHandle close={() => setFinding(false)} />}
      {isChoosing && <Chooser shown={shown} keep={setColumns} close={() => setChoosing(false)} />}
      {isHelp && <Help close={() => setHelp(false)} />}
    </main>
  );
}
