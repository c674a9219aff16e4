import type { ComponentChildren } from "preact";
import { address, type Detail } from "../model/api";
import { bytes, duration, timeSpan, visible } from "../model/format";
import type { Live } from "../model/live";
import type { Process } from "../model/processes";
import { Show, useGet } from "../parts/load";
import { href } from "../parts/route";

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  if (children === undefined || children === null || children === "" || children === false) return null;
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function size(value: number | undefined): string | undefined {
  return value === undefined || value < 0 ? undefined : bytes(value);
}

/** The pid at the end of a link to a process. */
export function pidOf(link: string): number {
  return Number(/(\d+)$/.exec(link)?.[1] ?? 0);
}

function Link({ live, id }: { live: Live; id: number }) {
  const process = live.processes.all.get(id);
  return <a href={href(id)}>{process ? visible(process.name) : "?"} {id}</a>;
}

export function General({ live, id, process }: { live: Live; id: number; process: Process | undefined }) {
  const loaded = useGet<Detail>(address(id, ""));
  return (
    <Show loaded={loaded}>
      {(detail) => {
        const start = detail.start_time === undefined ? undefined : new Date(detail.start_time);
        const parent = detail.parent === undefined ? 0 : pidOf(detail.parent);
        return (
          <>
            <div class="all-facts">
            <section class="facts">
              <h3>What it is</h3>
              <dl>
                <Fact name="Program"><span class="copy">{visible(detail.file_name ?? "")}</span></Fact>
                {detail.runtime && <Fact name="Runtime">{visible([detail.runtime, detail.runtime_version].filter(Boolean).join(" "))}</Fact>}
                <Fact name="Command line"><code class="copy">{visible(detail.command_line ?? "")}</code></Fact>
                <Fact name="User">{visible(detail.user_name ?? "")}</Fact>
                <Fact name="Unit">{visible(process?.unit ?? "")}</Fact>
                <Fact name="Container">{process?.container}</Fact>
                <Fact name="Description">{visible(detail.description ?? "")}</Fact>
                <Fact name="Started">{start && `${start.toLocaleString()} (${duration((live.processes.time || Date.now()) - start.getTime())} ago)`}</Fact>
                <Fact name="Parent">{parent > 0 && <Link live={live} id={parent} />}</Fact>
                <Fact name="Children">
                  {detail.children.length > 0 && <span class="links">{detail.children.slice(0, 100).map((link) => <Link key={link} live={live} id={pidOf(link)} />)}</span>}
                </Fact>
              </dl>
            </section>
            <section class="facts">
              <h3>Processor</h3>
              <dl>
                <Fact name="Time">{timeSpan(detail.total_cpu_time)}</Fact>
                <Fact name="In its code">{timeSpan(detail.user_cpu_time)}</Fact>
                <Fact name="In the kernel">{timeSpan(detail.privileged_cpu_time)}</Fact>
                <Fact name="Threads"><a href={href(id, "threads")}>{detail.thread_count}</a></Fact>
              </dl>
            </section>
            <section class="facts">
              <h3>Memory</h3>
              <dl>
                <Fact name="Resident">{size(detail.working_set)}</Fact>
                <Fact name="Most resident">{size(detail.peak_working_set)}</Fact>
                <Fact name="Data">{size(detail.private_memory)}</Fact>
                <Fact name="Swapped out">{size(detail.paged_memory)}</Fact>
                <Fact name="Address space">{size(detail.virtual_memory)}</Fact>
              </dl>
            </section>
            <section class="facts">
              <h3>Holds</h3>
              <dl>
                <Fact name="Files"><a href={href(id, "files")}>{detail.handle_count}</a></Fact>
                <Fact name="Modules"><a href={href(id, "modules")}>{detail.module_count}</a></Fact>
              </dl>
            </section>
            </div>
            <button type="button" onClick={loaded.again}>Refresh</button>
          </>
        );
      }}
    </Show>
  );
}
