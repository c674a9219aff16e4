import { Fragment } from "preact";
import { useMemo, useState } from "preact/hooks";
import { address, type Thread } from "../model/api";
import { count, percent, seconds, timeSpan, visible } from "../model/format";
import { type ThreadLine, ThreadWatch } from "../model/threads";
import { usePoll } from "../parts/load";
import { ProblemBox } from "../parts/problem";
import { type Sortable, useSorting } from "../parts/sorting";
import { Spark } from "../parts/spark";
import { OneStack, StackList } from "./stacks";

const SHOWN_MAX = 2000; // rows that a page still scrolls well

const columns: Sortable<ThreadLine>[] = [
  { title: "TID", key: (one) => one.id },
  { title: "Name", key: (one) => (one.name ?? "").toLowerCase() },
  { title: "CPU %", isNumber: true, key: (one) => one.share ?? 0, tip: "of one processor, since the look before" },
  { title: "CPU time", isNumber: true, key: (one) => seconds(one.total_processor_time) },
  { title: "State", key: (one) => `${one.state ?? ""} ${one.wait_reason ?? ""}` },
  { title: "On CPU", key: (one) => one.cpu ?? 0 },
  { title: "System call", key: (one) => one.system_call ?? "" },
  { title: "Sleeps in", key: (one) => one.wait_channel ?? "" },
  { title: "Priority", key: (one) => one.priority_level ?? "" },
];

function Line({ id, thread, time, isOpen, open }: { id: number; thread: ThreadLine; time: number; isOpen: boolean; open: () => void }) {
  return (
    <Fragment>
      <tr>
        <td>{thread.id}</td>
        <td>
          <button type="button" class="plain" aria-expanded={isOpen} title="its stack" onClick={open}>{visible(thread.name ?? "") || "(no name)"}</button>
        </td>
        <td class="number live">
          <Spark history={thread.history} least={10} time={time} /> <span>{thread.share === undefined ? "" : percent(thread.share) || "0"}</span>
        </td>
        <td class="number">{timeSpan(thread.total_processor_time)}</td>
        <td>{thread.state}{thread.wait_reason && thread.wait_reason !== "Unknown" ? <span class="soft"> {thread.wait_reason}</span> : null}</td>
        <td>{thread.cpu ?? 0}</td>
        <td>{thread.system_call}</td>
        <td>{visible(thread.wait_channel ?? "")}</td>
        <td>{thread.priority_level}</td>
      </tr>
      {isOpen && <tr class="inner"><td colSpan={columns.length}><OneStack id={id} tid={thread.id} /></td></tr>}
    </Fragment>
  );
}

/** Live while it can be seen: nobody asks otherwise. */
export function Threads({ id }: { id: number }) {
  const [stacks, setStacks] = useState<"" | "grouped" | "each">("");
  const [opened, setOpened] = useState(0);
  const [lines, setLines] = useState<{ list: ThreadLine[]; time: number } | undefined>();
  const watch = useMemo(() => new ThreadWatch(), [id]);
  const poll = usePoll(address(id, "/threads", { details: "true" }), (threads, at) => setLines({ list: watch.take(threads as Thread[], at), time: at }));
  const { sort, titles } = useSorting(columns, 3);
  const choose = (which: "grouped" | "each"): void => setStacks(stacks === which ? "" : which);
  return (
    <>
      <div class="actions">
        <span role="group" aria-label="Stacks of all" class="actions">
          <span>Stacks:</span>
          <button type="button" aria-pressed={stacks === "grouped"} onClick={() => choose("grouped")}>Grouped</button>
          <button type="button" aria-pressed={stacks === "each"} onClick={() => choose("each")}>Each</button>
        </span>
        <span class="soft">They hold the process for a moment, usually less than a millisecond. A thread's name shows its own.</span>
      </div>
      {stacks !== "" && <StackList key={stacks} id={id} isGrouped={stacks === "grouped"} />}
      {poll.error !== undefined && <ProblemBox error={poll.error} again={poll.again} />}
      {lines === undefined && poll.isWaiting && <p class="soft" role="status">Loading …</p>}
      {lines && (
        <div class="scroll">
          <table class="threads">
            <caption class="hidden">Threads</caption>
            <thead>{titles}</thead>
            <tbody>
              {sort(lines.list).slice(0, SHOWN_MAX).map((thread) => (
                <Line key={thread.id} id={id} thread={thread} time={lines.time} isOpen={opened === thread.id} open={() => setOpened(opened === thread.id ? 0 : thread.id)} />
              ))}
            </tbody>
          </table>
          {lines.list.length > SHOWN_MAX && <p class="soft">and {count(lines.list.length - SHOWN_MAX, "more thread")}</p>}
        </div>
      )}
    </>
  );
}
