import { useEffect, useRef } from "preact/hooks";

const keys = [
  ["/", "filter; Enter goes to what was found, Esc leaves it"],
  ["↑ ↓", "the row before, the next one; PgUp, PgDn, Home, End"],
  ["→ ←", "unfold and fold, or to its first child and its parent"],
  ["Enter", "open the process; Esc comes back"],
  ["t", "as a tree, or flat"],
  ["c", "which columns are there; the titles sort (Tab, then ← →)"],
  ["p", "pause, go on"],
  ["f", "which process has a file or port open"],
  ["?", "this"],
];

const words = [
  ["nginx 80", "both words somewhere: name, command, pid, user, unit, container, runtime, badge"],
  ["user:www unit:nginx container:3f2", "only there"],
  ["is:stopped is:deleted is:java is:seccomp", "by badge or runtime"],
];

export function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="help">
      <h2 id="help">Keys and filters</h2>
      <dl class="keys">
        {keys.map(([key, text]) => (
          <div key={key}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <dl class="keys">
        {words.map(([word, text]) => (
          <div key={word}>
            <dt><code>{word}</code></dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p class="soft">CPU is in per cent of one processor: 200 is two whole ones. <a href="routes">All routes of the service</a></p>
      <button type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
