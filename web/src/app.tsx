import { useEffect, useMemo, useReducer, useState } from "preact/hooks";
import { visible } from "./model/format";
import { title } from "./model/instances";
import { Live } from "./model/live";
import { Connection } from "./parts/around";
import { later } from "./parts/later";
import { useRoute } from "./parts/route";
import { useKept } from "./parts/keep";
import { useKnown } from "./instances/known";
import { List } from "./list/list";
import { HostBar } from "./list/host";
import { ProcessPage } from "./process/process";

const AllInstances = later(() => import("./instances/all").then((part) => part.AllInstances));

export function App() {
  const live = useMemo(() => new Live(), []);
  const [, redraw] = useReducer((turn: number) => turn + 1, 0);
  const route = useRoute();
  const [theme, setTheme] = useKept("theme", "auto");
  const [isSwitching, setSwitching] = useState(false);
  const known = useKnown(live, isSwitching || route.isAll);

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
  const self = known.list.length > 1 ? known.list.find((one) => one.is_self) : undefined;
  const machine = self ? title(self) : live.processes.machine;
  const name = route.isAll ? "All instances" : route.id === undefined ? "" : (live.processes.all.get(route.id)?.name ?? String(route.id));
  useEffect(() => {
    document.title = [name, machine, "procscope"].filter((part) => part !== "").join(" · ");
  }, [name, machine]);

  return (
    <Connection.Provider value={live}>
      <HostBar live={live} machine={visible(machine)} theme={theme} setTheme={setTheme} known={known} setSwitching={setSwitching} />
      <List live={live} isShown={route.id === undefined && !route.isAll} />
      {route.isAll && <AllInstances known={known} />}
      {route.id !== undefined && <ProcessPage key={route.id} live={live} id={route.id} tab={route.tab} />}
    </Connection.Provider>
  );
}
