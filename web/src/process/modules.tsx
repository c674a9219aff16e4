import { useState } from "preact/hooks";
import { address, type Module } from "../model/api";
import { bytes, visible } from "../model/format";
import { Show, useGet } from "../parts/load";

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

export function Modules({ id }: { id: number }) {
  const loaded = useGet<Module[]>(address(id, "/modules"));
  const [shown, setShown] = useState("");
  const [filter, setFilter] = useState("");
  return (
    <Show loaded={loaded}>
      {(modules) => (
        <>
          <div class="actions">
            <label><span class="hidden">Filter modules</span><input type="search" placeholder="Filter modules" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} /></label>
            <span class="soft">{modules.length} modules</span>
          </div>
          <div class="scroll">
            <table>
              <caption class="hidden">Modules</caption>
              <thead>
                <tr><th scope="col">File</th><th scope="col">Version</th><th scope="col">Base</th></tr>
              </thead>
              <tbody>
                {modules
                  .filter((module) => module.file_name.toLowerCase().includes(filter.toLowerCase()))
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
                        {module.deleted && <span class="badge warn">deleted</span>}
                        {shown === module.base_address && <ModuleDetail id={id} base={module.base_address} />}
                      </td>
                      <td>{visible(module.file_version ?? "")}</td>
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
