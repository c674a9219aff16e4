import { useEffect, useRef, useState } from "preact/hooks";
import { visible } from "../model/format";
import { base, type Instance, isOpen, title } from "../model/instances";
import { all } from "../parts/route";
import type { Known } from "./known";
import { Reason, State } from "./state";

/** One of them: a way to its page, unless nothing is passed on to it. */
function Entry({ one, self, close }: { one: Instance; self: Instance | undefined; close: () => void }) {
  const text = (
    <>
      <b>{visible(title(one))}</b>
      <State one={one} />
      <Reason one={one} />
    </>
  );
  if (one.is_self) return <a href="#/" aria-current="true" onClick={close}>{text}<span class="badge">this one</span></a>;
  if (isOpen(one)) return <a href={base(location.pathname, self, one.id ?? "")}>{text}</a>;
  return <a role="link" aria-disabled="true" tabIndex={0}>{text}</a>;
}

/** The other instances, in the head of the page; nothing where there are none. */
export function Switcher({ known, open }: { known: Known; open: (isOpen: boolean) => void }) {
  const [isShown, setShown] = useState(false);
  const whole = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const set = (next: boolean): void => {
    setShown(next);
    open(next);
  };
  useEffect(() => {
    if (!isShown) return undefined;
    const leave = (event: Event): void => {
      if (event.target instanceof Node && !whole.current?.contains(event.target)) set(false);
    };
    document.addEventListener("pointerdown", leave);
    document.addEventListener("focusin", leave);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("focusin", leave);
    };
  }, [isShown]);
  const { list } = known;
  if (list.length < 2) return null;
  const links = (): HTMLElement[] => [...(whole.current?.querySelectorAll<HTMLElement>("nav a") ?? [])];
  const move = (event: KeyboardEvent): void => {
    const at = links().indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links().length - 1 }[event.key];
    if (event.key === "Escape" && isShown) {
      set(false);
      button.current?.focus();
    } else if (to !== undefined && isShown) links()[to]?.focus();
    else {
      if (isShown) event.stopPropagation(); // letters are keys of the list
      return;
    }
    event.stopPropagation();
    event.preventDefault();
  };
  const self = list.find((one) => one.is_self);
  return (
    <div class="switcher" ref={whole} onKeyDown={move}>
      <button ref={button} type="button" aria-expanded={isShown} aria-controls="instances" onClick={() => set(!isShown)}>
        {list.length} instances
      </button>
      <nav id="instances" aria-label="Instances" hidden={!isShown}>
        <ul>
          {list.map((one) => <li key={`${one.id} ${one.url}`}><Entry one={one} self={self} close={() => set(false)} /></li>)}
          <li><a href={all} onClick={() => set(false)}>All instances, side by side</a></li>
        </ul>
      </nav>
    </div>
  );
}
