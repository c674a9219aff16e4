import type { ComponentChildren } from "preact";
import { address, type Detail } from "../model/api";
import { bytes, duration, state, timeSpan, visible } from "../model/format";
import type { Live } from "../model/live";
import type { Process } from "../model/processes";
import { Advice } from "../parts/advice";
import { Copy } from "../parts/copy";
import { Show, useGet } from "../parts/load";
import { href } from "../parts/route";

/** As text, for a ticket; the environment is not part of it. */
function asText(detail: Detail, process: Process | undefined): string {
  const lines: [string, string | number | undefined][] = [
    ["process", `${detail.name} ${detail.id}`],
    ["program", detail.file_name],
    ["command line", detail.command_line],
    ["user", detail.user_name],
    ["unit", process?.unit],
    ["container", process?.container],
    ["started", detail.start_time],
    ["processor time", detail.total_cpu_time],
    ["resident bytes", detail.working_set],
    ["threads", detail.thread_count],
    ["open files", detail.handle_count],
    ["modules", detail.module_count],
    ["seen at", detail.time_stamp],
  ];
  return lines.filter(([, value]) => value !== undefined && value !== "").map(([name, value]) => `${name}: ${value ?? ""}\n`).join("");
}

/** How many; less than 0: they may not be seen. */
function known(value: number | undefined): ComponentChildren {
  return value === undefined || value < 0 ? <span class="soft">may not be seen</span> : value.toLocaleString("en");
}

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
                <Fact name="State">{process && state(process.state)}</Fact>
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
                <Fact name="Most of it">{size(detail.peak_virtual_memory)}</Fact>
                <Fact name="Page tables">{size(detail.non_paged_system_memory)}</Fact>
                <Fact name="In detail"><a href={href(id, "memory")}>what takes it</a></Fact>
              </dl>
            </section>
            <section class="facts">
              <h3>Holds</h3>
              <dl>
                <Fact name="Files"><a href={href(id, "files")}>{known(detail.handle_count)}</a></Fact>
                <Fact name="Modules"><a href={href(id, "modules")}>{known(detail.module_count)}</a></Fact>
                <Fact name="Environment"><a href={href(id, "environment")}>values are shown when asked for</a></Fact>
              </dl>
            </section>
            </div>
            {((detail.handle_count ?? 0) < 0 || (detail.module_count ?? 0) < 0) && <Advice id={id} about={["files", "environment", "modules"]} />}
            <p class="actions">
              <button type="button" onClick={loaded.again} disabled={loaded.isLoading}>Refresh</button>
              <Copy title="Copy" text={() => asText(detail, process)} />
            </p>
          </>
        );
      }}
    </Show>
  );
}
