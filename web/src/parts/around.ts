/** What stands around a part of the page: which process it is about, and the connection. */
import { createContext } from "preact";
import type { Live } from "../model/live";

export const ProcessId = createContext<number | undefined>(undefined);
export const Connection = createContext<Live | undefined>(undefined);
