import { useEffect, useRef, useState } from "preact/hooks";
import { type Handles } from "../model/api";
import { count, visible } from "../model/format";
import { Show, useGet } from "../parts/load";
import { href } from "../parts/route";

const SHOWN_MAX = 1000;

function Found({ name }: { name: string }) {
  const loaded = useGet<Handles>(`api/processes/handles?${new URLSearchParams({ name }).toString()}`);
  return (
    <Show loaded={loaded}>
      {(found) => (
        <>
          <p class="soft" role="status">
            {count(found.handles.length, "place")} in {count(found.searched, "process", "processes")}
            {found.denied > 0 && `; ${found.denied} may not be looked into`}{found.cut && "; there are more"}.
          </p>
          {found.handles.length > 0 && (
            <div class="scroll found-handles">
              <table>
                <caption class="hidden">Who has it open</caption>
                <thead><tr><th scope="col">Process</th><th scope="col">As</th><th scope="col">What</th></tr></thead>
                <tbody>
                  {found.handles.slice(0, SHOWN_MAX).map((handle, i) => (
                    <tr key={i}>
                      <td><a href={href(handle.process.id, "files")}>{visible(handle.process.name)} {handle.process.id}</a></td>
                      <td>{handle.kind}{handle.handle === undefined ? "" : ` ${handle.handle}`}</td>
                      <td class="copy">{visible(handle.name)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </>
      )}
    </Show>
  );
}

/** Which process has this file or port open? */
export function FindHandle({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [name, setName] = useState("");
  useEffect(() => {
    dialog.current?.showModal();
    const leave = (): void => close();
    addEventListener("hashchange", leave);
    return () => removeEventListener("hashchange", leave);
  }, []);
  const find = (event: Event): void => {
    event.preventDefault();
    setName(text.trim());
  };
  return (
    <dialog ref={dialog} class="wide" onClose={close} aria-labelledby="find">
      <h2 id="find">Who has it open?</h2>
      <form class="actions" onSubmit={find}>
        <label>
          <span class="hidden">File or port</span>
          <input type="search" placeholder="part of a path, or a port: :8080" value={text} onInput={(event) => setText(event.currentTarget.value)} spellcheck={false} autocomplete="off" />
        </label>
        <button type="submit" class="main" disabled={text.trim() === ""}>Find</button>
        <button type="button" onClick={() => dialog.current?.close()}>Close</button>
      </form>
      {name !== "" && <Found name={name} />}
    </dialog>
  );
}
