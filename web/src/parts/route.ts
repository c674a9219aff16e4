/** Where in the page one is: behind the # of its address, so that it needs nothing of the service. */
import { useEffect, useState } from "preact/hooks";

export const tabs = ["general", "threads", "modules", "files", "environment", "memory", "heap", "dump", "profile", "end"] as const;
export type Tab = (typeof tabs)[number];

export interface Route {
  id: number | undefined; // undefined: the list, or all instances
  tab: Tab;
  isAll: boolean;
}

/** All instances, side by side. */
export const all = "#/instances";

export function parse(hash: string): Route {
  const [, id, tab] = /^#\/(\d{1,10})(?:\/([a-z]+))?$/.exec(hash) ?? [];
  return { id: id === undefined ? undefined : Number(id), tab: tabs.find((one) => one === tab) ?? "general", isAll: hash === all };
}

export function href(id: number, tab: Tab = "general"): string {
  return `#/${id}/${tab}`;
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const take = (): void => setRoute(parse(location.hash));
    addEventListener("hashchange", take);
    return () => removeEventListener("hashchange", take);
  }, []);
  return route;
}
