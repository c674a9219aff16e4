import { useEffect, useMemo, useReducer } from "preact/hooks";
import { Live } from "./model/live";
import { Connection } from "./parts/around";
import { useRoute } from "./parts/route";
import { useKept } from "./parts/keep";
import { List } from "./list/list";
import { HostBar } from "./list/host";
import { ProcessPage } from "./process/process";

export function App() {
  const live = useMemo(() => new Live(), []);
  const [, redraw] = useReducer((turn: number) => turn + 1, 0);
  const route = useRoute();
  const [theme, setTheme] = useKept("theme", "auto");

  useEffect(() => {
    const stop = live.subscribe(() => redraw(undefined));
    const look = (): void => live.look(!document.hidden);
    document.addEventListener("visibilitychange", look);
    live.start();
    return () => {
      document.removeEventListener("visibilitychange", look);
      stop();
    };
  }, [live]);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const machine = live.processes.machine;
  const name = route.id === undefined ? "" : (live.processes.all.get(route.id)?.name ?? String(route.id));
  useEffect(() => {
    document.title = [name, machine, "procscope"].filter((part) => part !== "").join(" · ");
  }, [name, machine]);

  return (
    <Connection.Provider value={live}>
      <HostBar live={live} theme={theme} setTheme={setTheme} />
      <List live={live} isShown={route.id === undefined} />
      {route.id !== undefined && <ProcessPage key={route.id} live={live} id={route.id} tab={route.tab} />}
    </Connection.Provider>
  );
}
