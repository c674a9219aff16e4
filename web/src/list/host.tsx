import type { Live } from "../model/live";
import { bytes, percent } from "../model/format";
import type { Known } from "../instances/known";
import { Switcher } from "../instances/switcher";
import { Spark } from "../parts/spark";

const next: Record<string, string> = { auto: "light", light: "dark", dark: "auto" };

function Status({ live }: { live: Live }) {
  switch (live.connection) {
    case "live":
      return <span class="state good">live</span>;
    case "paused":
      return <span class="state">paused</span>;
    case "connecting":
      return <span class="state">connecting …</span>;
    case "refused":
      return <span class="state bad">{live.problem}</span>;
    case "lost":
      return <span class="state bad">The service doesn't answer; trying again …</span>;
  }
}

function Pressure({ name, value }: { name: string; value: number | undefined }) {
  if (value === undefined) return null;
  return (
    <span class={value >= 20 ? "pressure high" : "pressure"} title={`In ${value.toFixed(1)} % of the last 10 s some process had to wait for ${name}.`}>
      {name} {value.toFixed(0)}
    </span>
  );
}

interface Props {
  live: Live;
  /** What it is called: by the instances, where there are several. */
  machine: string;
  theme: string;
  setTheme: (theme: string) => void;
  known: Known;
  setSwitching: (isOpen: boolean) => void;
}

/** The machine, and whether what is shown is of now. */
export function HostBar({ live, machine, theme, setTheme, known, setSwitching }: Props) {
  const { host, time } = live.processes;
  const isPaused = live.connection === "paused";
  const used = host?.memory_total !== undefined && host.memory_available !== undefined ? host.memory_total - host.memory_available : undefined;
  return (
    <header class="host">
      <h1>
        <a href="#/">procscope</a>
        <small>{machine}</small>
      </h1>
      {host && (
        <div class="meters">
          <div class="meter" title={`${host.processors} processors${host.load === undefined ? "" : `, load ${host.load.toFixed(2)}`}`}>
            <span class="label">CPU</span>
            <span class="value">{percent(host.cpu) || "0"} %</span>
            <Spark history={live.processes.cpuHistory} least={100} time={time} />
          </div>
          {used !== undefined && (
            <div class="meter" title={`${bytes(used)} of ${bytes(host.memory_total ?? 0)} are in use`}>
              <span class="label">Memory</span>
              <span class="value">{bytes(used)}<span class="soft"> of {bytes(host.memory_total ?? 0)}</span></span>
              <Spark history={live.processes.memoryHistory} least={100} time={time} />
            </div>
          )}
          {host.cpu_pressure !== undefined && (
            <div class="meter pressures">
              <span class="label">Waiting %</span>
              <Pressure name="CPU" value={host.cpu_pressure} />
              <Pressure name="memory" value={host.memory_pressure} />
              <Pressure name="I/O" value={host.io_pressure} />
            </div>
          )}
        </div>
      )}
      <div class="controls">
        <Switcher known={known} open={setSwitching} />
        <span role="status"><Status live={live} /></span>
        <button type="button" aria-pressed={isPaused} onClick={() => (isPaused ? live.start() : live.pause())} title="p">
          {isPaused ? "Go on" : "Pause"}
        </button>
        <button type="button" onClick={() => setTheme(next[theme] ?? "auto")} title="light, dark, or as the system has it">
          {theme === "light" ? "Light" : theme === "dark" ? "Dark" : "Auto"}
        </button>
      </div>
    </header>
  );
}
