import type { ComponentChildren } from "preact";
import { address, type Frame, type JavaFrame, type Stack, type Stacks, type StacksRuntime } from "../model/api";
import { count, microseconds, visible } from "../model/format";
import { Show, useGet } from "../parts/load";

const SHOWN_MAX = 2000; // stacks that a page still scrolls well
const OPEN_MAX = 12; // frames of one that is open by itself

function place(file: string | undefined, line: number | undefined): string {
  if (file === undefined) return "";
  return `${file.split("/").slice(-2).join("/")}${line === undefined ? "" : `:${line}`}`;
}

function name(frame: Frame): string {
  if (frame.function !== undefined) return frame.function;
  if (frame.module_offset !== undefined) return `+0x${frame.module_offset.toString(16)}`;
  return `0x${frame.address}`;
}

const languages: Record<string, string> = { dotnet: ".NET", python: "Python" };

/** What a runtime said beside: why names of it are missing, and which threads wait for each other for ever. */
function Beside({ runtime }: { runtime: StacksRuntime | undefined }) {
  return (
    <>
      {runtime?.error !== undefined && <p class="advice" role="note">{visible(runtime.name ?? "The runtime")} did not tell all: {visible(runtime.error)}</p>}
      {runtime?.deadlocks !== undefined && <p class="advice" role="note">{count(runtime.deadlocks, "deadlock")}: threads that wait for each other for ever, as {visible(runtime.name ?? "the runtime")} found.</p>}
    </>
  );
}

function JavaFrames({ frames }: { frames: JavaFrame[] }) {
  return (
    <>
      <p class="soft">Java</p>
      <ol class="frames">
        {frames.map((frame, i) => (
          <li key={i}>
            <code>{visible(`${frame.class === undefined ? "" : `${frame.class}.`}${frame.method ?? ""}`)}</code>{" "}
            <span class="soft">{visible(place(frame.file, frame.line))}</span>
            {(frame.locks ?? []).map((lock, k) => <span key={k} class="soft"> {visible(`${lock.kind} ${lock.class ?? ""}`)}</span>)}
          </li>
        ))}
      </ol>
    </>
  );
}

export function Frames({ frames, end, java }: { frames: Frame[]; end: string | undefined; java: JavaFrame[] | undefined }) {
  return (
    <>
      <ol class="frames">
        {frames.map((frame, i) => (
          <li key={i}>
            <code>{visible(name(frame))}</code>
            {frame.inlined && <span class="soft"> inlined</span>} <span class="soft">{visible(frame.module ?? languages[frame.kind ?? ""] ?? "")}</span>{" "}
            <span class="soft" title={frame.file ?? ""}>{visible(place(frame.file, frame.line))}</span>
          </li>
        ))}
      </ol>
      {end && end !== "outermost" && <p class="soft">It ends there: {visible(end.replaceAll("_", " "))}.</p>}
      {java && java.length > 0 && <JavaFrames frames={java} />}
    </>
  );
}

function Folded({ isOpen, title, children }: { isOpen: boolean; title: ComponentChildren; children: ComponentChildren }) {
  return (
    <details class="stack" open={isOpen}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}

/** The stacks of all threads: equal ones together, or each. */
export function StackList({ id, isGrouped }: { id: number; isGrouped: boolean }) {
  const loaded = useGet<Stacks>(address(id, "/stacks", { group: isGrouped.toString() }));
  return (
    <Show loaded={loaded}>
      {({ thread_count: all, groups, threads, runtime, held_microseconds: held }) => (
        <section class="stacks" aria-label="Stacks">
          <div class="actions">
            <span class="soft" role="status">
              {count(all, "thread")}{groups && ` in ${count(groups.length, "group")} with the same stack`}; the process was held for {microseconds(held)}.
            </span>
            <button type="button" onClick={loaded.again} disabled={loaded.isLoading}>Take them again</button>
          </div>
          <Beside runtime={runtime} />
          {groups?.slice(0, SHOWN_MAX).map((group, i) => (
            <Folded
              key={i}
              isOpen={group.count === 1 || group.frames.length <= OPEN_MAX}
              title={<><b>{count(group.count, "thread")}</b> <span class="soft">{group.threads.slice(0, 8).map((one) => `${visible(one.name ?? "")} ${one.id}`).join(", ")}{group.count > 8 && " …"}</span></>}
            >
              <Frames frames={group.frames} end={group.end} java={group.java?.frames} />
            </Folded>
          ))}
          {threads?.slice(0, SHOWN_MAX).map((stack) => (
            <Folded key={stack.id} isOpen={all <= OPEN_MAX} title={<><b>{visible(stack.name ?? "")} {stack.id}</b> <span class="soft">{stack.state}</span></>}>
              <Frames frames={stack.frames} end={stack.end} java={stack.java?.frames} />
            </Folded>
          ))}
        </section>
      )}
    </Show>
  );
}

/** Of one thread. */
export function OneStack({ id, tid }: { id: number; tid: number }) {
  const loaded = useGet<Stack>(address(id, `/threads/${tid}/stack`));
  return (
    <Show loaded={loaded}>
      {(stack) => (
        <>
          <Beside runtime={stack.runtime} />
          <Frames frames={stack.frames} end={stack.end} java={stack.java?.frames} />
          <button type="button" onClick={loaded.again} disabled={loaded.isLoading}>Take it again</button>
        </>
      )}
    </Show>
  );
}
