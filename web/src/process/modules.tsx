import { useState } from "preact/hooks";
import { address, type Module } from "../model/api";
import { bytes, count, visible } from "../model/format";
import { Show, useGet } from "../parts/load";
import { type Sortable, useSorting } from "../parts/sorting";

function ModuleDetail({ id, base }: { id: number; base: string }) {
  const loaded = useGet<Module>(address(id, `/modules/${base}`));
  return (
    <Show loaded={loaded}>
      {(module) => (
        <dl class="inline">
          <div><dt>Path</dt><dd class="copy">{visible(module.file_path ?? "")}</dd></div>
          {module.build_id && <div><dt>Build id</dt><dd class="copy">{module.build_id}</dd></div>}
          {module.soname && <div><dt>Soname</dt><dd>{visible(module.soname)}</dd></div>}
          {module.module_memory_size !== undefined && <div><dt>Mapped</dt><dd>{bytes(module.module_memory_size)}</dd></div>}
          <div><dt>Debug information</dt><dd>{module.is_debug ? "has it, or names it" : "none of its own"}</dd></div>
          {module.deleted && <div><dt>On disk</dt><dd class="bad">removed or replaced since</dd></div>}
        </dl>
      )}
    </Show>
  );
}

const columns: Sortable<Module>[] = [
  { title: "File", key: (one) => one.file_name.toLowerCase() },
  { title: "Version", key: (one) => one.file_version ?? "" },
  { title: "Build id", key: (one) => one.build_id ?? "" },
  { title: "Base", key: (one) => one.base_address.padStart(16, "0") },
];

export function Modules({ id }: { id: number }) {
  const loaded = useGet<Module[]>(address(id, "/modules"));
  const [shown, setShown] = useState("");
  const { sort, titles } = useSorting(columns, 0);
  const [filter, setFilter] = useState("");
  return (
    <Show loaded={loaded}>
      {(modules) => (
        <>
          <div class="actions">
            <label><span class="hidden">Filter modules</span><input type="search" placeholder="Filter modules" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} /></label>
            <span class="soft">{count(modules.length, "module")}{modules.some((module) => module.deleted) && `, ${modules.filter((module) => module.deleted).length} gone from the disk or replaced`}</span>
          </div>
          <div class="scroll">
            <table>
              <caption class="hidden">Modules</caption>
              <thead>{titles}</thead>
              <tbody>
                {sort(modules.filter((module) => `${module.file_name}\n${module.build_id ?? ""}`.toLowerCase().includes(filter.toLowerCase())))
                  .map((module) => (
                    <tr key={module.base_address}>
                      <td>
                        <button
                          type="button"
                          class="plain"
                          aria-expanded={shown === module.base_address}
                          onClick={() => setShown(shown === module.base_address ? "" : module.base_address)}
                        >
                          {visible(module.file_name)}
                        </button>
                        {module.deleted && <span class="badge warn" title="its file was removed or replaced on the disk since">deleted</span>}
                        {shown === module.base_address && <ModuleDetail id={id} base={module.base_address} />}
                      </td>
                      <td>{visible(module.file_version ?? "")}</td>
                      <td><code class="copy" title={module.build_id ?? ""}>{(module.build_id ?? "").slice(0, 16)}</code></td>
                      <td><code>{module.base_address}</code></td>
                    </tr>
                  ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </Show>
  );
}
