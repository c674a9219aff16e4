/** How much of a processor each thread takes, from what it had taken at each look. */
import type { Thread } from "./api";
import { seconds } from "./format";
import { History } from "./processes";

export interface ThreadLine extends Thread {
  share: number | undefined; // per cent of a processor since the look before; undefined: there was none
  history: History;
}

interface Known {
  taken: number;
  at: number;
  history: History;
}

export class ThreadWatch {
  private known = new Map<string, Known>();

  /** Ids are used again: a thread is its id and its start. `at` in milliseconds. */
  take(threads: Thread[], at: number): ThreadLine[] {
    const before = this.known;
    this.known = new Map();
    return threads.map((thread) => {
      const key = `${thread.id} ${thread.start_time ?? ""}`;
      const taken = seconds(thread.total_processor_time);
      const old = before.get(key);
      const history = old?.history ?? new History();
      const share = old && at > old.at ? Math.max(0, (1e5 * (taken - old.taken)) / (at - old.at)) : undefined;
      if (share !== undefined) history.add(share);
      this.known.set(key, { taken, at, history });
      return { ...thread, share, history };
    });
  }
}
