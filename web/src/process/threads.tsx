import { useState } from "preact/hooks";
import { address, type Frame, type StackGroup, type Stacks, type Thread } from "../model/api";
import { count, microseconds, timeSpan, visible } from "../model/format";
import { Show, useGet } from "../parts/load";

const SHOWN_MAX = 2000; // rows that a page still scrolls well

function place(frame: Frame): string {
  if (frame.file === undefined) return "";
  return `${frame.file.split("/").slice(-2).join("/")}${frame.line === undefined ? "" : `:${frame.line}`}`;
}

function name(frame: Frame): string {
  if (frame.function !== undefined) return frame.function;
  if (frame.module_offset !== undefined) return `+0x${frame.module_offset.toString(16)}`;
  return `0x${frame.address}`;
}

function Group({ group }: { group: StackGroup }) {
  return (
    <details class="stack" open={group.count === 1 || group.frames.length <= 12}>
      <summary>
        <b>{count(group.count, "thread")}</b>{" "}
        <span class="soft">{group.threads.slice(0, 8).map((thread) => `${visible(thread.name ?? "")} ${thread.id}`).join(", ")}{group.count > 8 && " …"}</span>
      </summary>
      <ol class="frames">
        {group.frames.map((frame, i) => (
          <li key={i}>
            <code>{visible(name(frame))}</code>
            {frame.inlined && <span class="soft"> inlined</span>} <span class="soft">{visible(frame.module ?? "")}</span>{" "}
            <span class="soft" title={frame.file ?? ""}>{visible(place(frame))}</span>
          </li>
        ))}
      </ol>
      {group.end && group.end !== "outermost" && <p class="soft">{visible(group.end)}</p>}
    </details>
  );
}

function StackList({ id }: { id: number }) {
  const loaded = useGet<Stacks>(address(id, "/stacks", { group: "true" }));
  return (
    <>
      <Show loaded={loaded}>
        {(stacks) => (
          <>
            <div class="actions">
              <span class="soft" role="status">
                {count(stacks.thread_count, "thread")} in {count(stacks.groups.length, "group")} with the same stack; the process was held for{" "}
                {microseconds(stacks.held_microseconds)}.
              </span>
              <button type="button" onClick={loaded.again} disabled={loaded.isLoading}>Take them again</button>
            </div>
            {stacks.groups.slice(0, SHOWN_MAX).map((group, i) => <Group key={i} group={group} />)}
          </>
        )}
      </Show>
    </>
  );
}

export function Threads({ id }: { id: number }) {
  const [withStacks, setStacks] = useState(false);
  const loaded = useGet<Thread[]>(address(id, "/threads", { details: "true" }));
  return (
    <>
      <div class="actions">
        <button type="button" aria-pressed={withStacks} onClick={() => setStacks(!withStacks)}>Stacks</button>
        <button type="button" onClick={loaded.again} disabled={loaded.isLoading}>Refresh</button>
        <span class="soft">Stacks hold the process for a moment, usually less than a millisecond.</span>
      </div>
      {withStacks && <StackList id={id} />}
      <Show loaded={loaded}>
        {(threads) => (
          <div class="scroll">
            <table>
              <caption class="hidden">Threads</caption>
              <thead>
                <tr>
                  <th scope="col" class="number">TID</th>
                  <th scope="col">Name</th>
                  <th scope="col">State</th>
                  <th scope="col" class="number">CPU time</th>
                  <th scope="col" class="number">On CPU</th>
                  <th scope="col">System call</th>
                  <th scope="col">Sleeps in</th>
                  <th scope="col">Priority</th>
                </tr>
              </thead>
              <tbody>
                {threads.slice(0, SHOWN_MAX).map((thread) => (
                  <tr key={thread.id}>
                    <td class="number">{thread.id}</td>
                    <td>{visible(thread.name ?? "")}</td>
                    <td>{thread.state}{thread.wait_reason ? <span class="soft"> {thread.wait_reason}</span> : null}</td>
                    <td class="number">{thread.total_processor_time ? timeSpan(thread.total_processor_time) : ""}</td>
                    <td class="number">{thread.cpu ?? 0}</td>
                    <td>{thread.system_call}</td>
                    <td>{visible(thread.wait_channel ?? "")}</td>
                    <td>{thread.priority_level}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            {threads.length > SHOWN_MAX && <p class="soft">and {count(threads.length - SHOWN_MAX, "more thread")}</p>}
          </div>
        )}
      </Show>
    </>
  );
}
