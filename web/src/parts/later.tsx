import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A part of the page that is fetched when it is first seen. */
export function later<P extends object>(fetch: () => Promise<ComponentType<P>>): ComponentType<P> {
  let had: ComponentType<P> | undefined;
  return function Later(props: P) {
    const [Part, setPart] = useState<ComponentType<P> | undefined>(() => had);
    const [isMissing, setMissing] = useState(false);
    useEffect(() => {
      if (had) return;
      fetch().then(
        (part) => {
          had = part;
          setPart(() => part);
        },
        () => setMissing(true),
      );
    }, []);
    if (Part) return <Part {...props} />;
    if (!isMissing) return <p class="soft" role="status">Loading …</p>;
    return (
      <div class="problem" role="alert">
        <p>This part of the page could not be fetched: the service doesn't answer, or is another one than when the page was loaded.</p>
        <button type="button" onClick={() => location.reload()}>Load the page anew</button>
      </div>
    );
  };
}
