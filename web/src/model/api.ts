/** The service's routes. All addresses are relative: the page may stand below any path. */

export class Problem extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function address(id: number, path: string, query: Record<string, string> = {}): string {
  const text = new URLSearchParams(query).toString();
  return `api/processes/${id}${path}${text === "" ? "" : `?${text}`}`;
}

/** The answer, or the service's own words for why there is none. */
export async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Problem(0, "The service doesn't answer. Is it still running?");
  }
  if (answer.ok) return answer;
  let message = `The service answered ${answer.status} ${answer.statusText}.`;
  try {
    const body = (await answer.json()) as { Message?: string; detail?: string };
    message = body.Message ?? body.detail ?? message;
  } catch {
    // not ours: a proxy's page
  }
  throw new Problem(answer.status, message);
}

const BUSY_TRIES = 3;
const BUSY_MS = 700;

/** JSON. A service that is busy for a moment is asked again. */
export async function get<T>(url: string, signal?: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      const answer = await ask(url, signal ? { signal } : {});
      return (await answer.json()) as T;
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 503 || tries === BUSY_TRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
  }
}

export interface Check {
  operation: string;
  allowed: boolean;
  reason?: string;
  mend?: string;
}

export interface Doctor {
  checks: Check[];
}

export interface Thread {
  id: number;
  name?: string;
  state?: string;
  wait_reason?: string;
  start_time?: string;
  total_processor_time?: string;
  priority_level?: string;
  cpu?: number;
  system_call?: string;
  wait_channel?: string;
  start_address?: string;
}

export interface Frame {
  kind?: string;
  address: string;
  module?: string;
  function?: string;
  offset?: number;
  module_offset?: number;
  file?: string;
  line?: number;
  inlined?: boolean;
}

export interface JavaFrame {
  class?: string;
  method?: string;
  file?: string;
  line?: number;
  locks?: { kind: string; class?: string }[];
}

/** What was asked of a language's runtime beside the stacks. */
export interface StacksRuntime {
  name?: string;
  version?: string;
  deadlocks?: number;
  error?: string;
}

export interface Stack extends Thread {
  runtime?: StacksRuntime;
  frames: Frame[];
  end?: string;
  java?: { name?: string; frames?: JavaFrame[] };
}

export interface StackGroup {
  count: number;
  threads: Thread[];
  frames: Frame[];
  end?: string;
  java?: { frames?: JavaFrame[] };
}

export interface Stacks {
  held_microseconds: number;
  thread_count: number;
  runtime?: StacksRuntime;
  threads?: Stack[];
  groups?: StackGroup[];
}

export interface Module {
  base_address: string;
  file_name: string;
  file_version?: string;
  file_path?: string;
  module_memory_size?: number;
  is_debug?: boolean;
  build_id?: string;
  soname?: string;
  deleted?: boolean;
}

export interface Detail {
  id: number;
  name: string;
  parent?: string;
  children: string[];
  modules: Module[];
  open_file_handles: string[];
  file_name?: string;
  command_line?: string;
  runtime?: string;
  runtime_version?: string;
  user_name?: string;
  handle_count?: number;
  module_count?: number;
  thread_count?: number;
  start_time?: string;
  total_cpu_time?: string;
  user_cpu_time?: string;
  privileged_cpu_time?: string;
  working_set?: number;
  peak_working_set?: number;
  private_memory?: number;
  virtual_memory?: number;
  peak_virtual_memory?: number;
  paged_memory?: number;
  non_paged_system_memory?: number;
  time_stamp?: string;
  is_profile_running?: boolean;
  is_scm_site?: boolean;
  is_webjob?: boolean;
  description?: string;
  environment_variables?: Record<string, string>;
}

export interface Estimate {
  size: number;
  size_is_upper_bound: boolean;
  threads: number;
  memory_bytes: number;
  mode: string;
  mode_reason?: string;
  expected_pause_microseconds?: number;
}

export interface Stopped {
  ended: number[];
  remaining: number[];
  denied?: number[];
}

export interface MemorySum {
  kind: string;
  name?: string;
  size: number;
  rss: number;
  pss: number;
  private_clean?: number;
  private_dirty?: number;
  shared?: number;
  swap?: number;
  deleted?: boolean;
}

export interface Mapping extends MemorySum {
  start: string;
  end: string;
  permissions: string;
}

export interface Memory {
  total: MemorySum & { mappings: number };
  mappings?: Mapping[];
  kinds: MemorySum[];
  items: MemorySum[];
}

export interface Heap {
  runtime?: string;
  runtime_version?: string;
  time_stamp?: string;
  live: boolean;
  pause_microseconds?: number;
  types: { type: string; module?: string; count: number; bytes: number }[];
  count?: number;
  bytes?: number;
}

export interface Handles {
  handles: { process: { id: number; name: string }; kind: string; handle?: number; name: string }[];
  searched: number;
  denied: number;
  cut: boolean;
}
