import { useEffect, useState } from "preact/hooks";
import { address, ask, type Detail, Problem } from "../model/api";
import { count, visible } from "../model/format";
import { type Flame, flameOf, type SpeedscopeFile } from "../model/flame";
import { nameOf, save, take } from "../parts/download";
import { useGet } from "../parts/load";
import { ProblemBox } from "../parts/problem";
import { FlameGraph } from "./flame";

/** What was taken last, here: it stays while one looks at another tab. The service has it for five minutes. */
let kept: { id: number; start: number; taken: Taken } | undefined;

interface Taken {
  flame: Flame;
  samples: number;
  how: string;
  unnamed: string; // why names of a runtime's methods are missing
}

const formats: [string, string][] = [
  ["pprof", "go tool pprof, Grafana"],
  ["speedscope", "speedscope.app"],
  ["folded", "flamegraph.pl"],
  ["svg", "a picture"],
  ["nettrace", "PerfView"],
  ["diagsession", "Visual Studio"],
];

/** One recording in all formats. */
function Formats({ id }: { id: number }) {
  const [told, setTold] = useState("");
  const [error, setError] = useState<unknown>();
  const download = async (format: string): Promise<void> => {
    setTold(format);
    setError(undefined);
    try {
      const { blob, answer } = await take(address(id, "/profile/stop", { format, keep: "true" }), new AbortController().signal, () => undefined);
      save(blob, nameOf(answer.headers.get("Content-Disposition"), `profile_${id}.${format}`));
    } catch (problem) {
      setError(problem instanceof Problem && problem.status === 404 ? new Error("The service has let go of this recording: it keeps one for five minutes.") : problem);
    }
    setTold("");
  };
  return (
    <div class="actions" role="group" aria-label="Download this recording">
      <span>Download it:</span>
      {formats.map(([format, reader]) => (
        <button key={format} type="button" disabled={told !== ""} title={`for ${reader}`} onClick={() => void download(format)}>{format}</button>
      ))}
      {error !== undefined && <ProblemBox error={error} />}
    </div>
  );
}

export function Profile({ id, start: processStart }: { id: number; start: number }) {
  const detail = useGet<Detail>(address(id, ""));
  const [mode, setMode] = useState("cpu");
  const [since, setSince] = useState(0); // 0: none is running
  const [seconds, setSeconds] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [taken, setTaken] = useState(kept?.id === id && kept.start === processStart ? kept.taken : undefined);

  useEffect(() => {
    // one that was begun before, here or elsewhere
    if (detail.value?.is_profile_running) setSince((before) => before || Date.now());
  }, [detail.value]);
  useEffect(() => {
    if (since === 0) return undefined;
    const timer = setInterval(() => setSeconds(Math.floor((Date.now() - since) / 1000)), 500);
    return () => clearInterval(timer);
  }, [since]);

  const attempt = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await what();
    } catch (problem) {
      setError(problem);
      if (problem instanceof Problem && problem.status === 404) setSince(0);
    }
    setBusy(false);
  };
  const start = (): Promise<void> =>
    attempt(async () => {
      await ask(address(id, "/profile/start", { mode, duration: "10m" }), { method: "POST" });
      setTaken(undefined);
      kept = undefined;
      setSeconds(0);
      setSince(Date.now());
    });
  const stop = (): Promise<void> =>
    attempt(async () => {
      const answer = await ask(address(id, "/profile/stop", { format: "speedscope", keep: "true" }));
      const blob = await answer.blob();
      setSince(0);
      const now: Taken = {
        flame: flameOf(JSON.parse(await blob.text()) as SpeedscopeFile),
        samples: Number(answer.headers.get("X-Profile-Samples") ?? 0),
        how: answer.headers.get("X-Profile-How") ?? "",
        unnamed: answer.headers.get("X-Profile-Unnamed") ?? "",
      };
      kept = { id, start: processStart, taken: now };
      setTaken(now);
    });

  return (
    <>
      <p>Where the process spends its time: its stacks are looked at 99 times a second. It is not slowed down to speak of.</p>
      <div class="actions">
        {since === 0 ? (
          <>
            <label>
              What{" "}
              <select value={mode} onChange={(event) => setMode(event.currentTarget.value)}>
                <option value="cpu">what runs on a processor</option>
                <option value="wall">waiting threads, too</option>
              </select>
            </label>
            <button type="button" class="main" disabled={isBusy} onClick={() => void start()}>Start</button>
          </>
        ) : (
          <>
            <span role="timer">sampling for {seconds} s</span>
            <button type="button" class="main" disabled={isBusy} onClick={() => void stop()}>Stop, and show</button>
          </>
        )}
      </div>
      {error !== undefined && <ProblemBox error={error} />}
      {taken && (
        <p class="soft" role="status">
          {count(taken.samples, "sample")}. {taken.how}
          {taken.samples === 0 && " It did not run in this time; “waiting threads, too” shows where it waits."}
        </p>
      )}
      {taken && taken.unnamed !== "" && <p class="advice" role="note">{visible(taken.unnamed)}</p>}
      {taken && <Formats id={id} />}
      {taken && taken.flame.value > 0 && <FlameGraph root={taken.flame} />}
      {!taken && since === 0 && <TenSeconds id={id} mode={mode} isDotnet={detail.value?.runtime === ".NET"} />}
    </>
  );
}

function TenSeconds({ id, mode, isDotnet }: { id: number; mode: string; isDotnet: boolean }) {
  return (
    <>
      <h3>Or ten seconds as a file</h3>
      <ul class="formats">
        {formats.map(([format, reader]) => (
          <li key={format}><a href={address(id, "/profile", { seconds: "10", format, mode })} download>{format}</a> <span class="soft">{reader}</span></li>
        ))}
        {isDotnet && (
          <li>
            <a href={address(id, "/profile", { seconds: "10", format: "nettrace", source: "eventpipe" })} download>nettrace of .NET itself</a>{" "}
            <span class="soft">dotnet-trace, PerfView, Visual Studio: its methods, collections and exceptions; its threads halt a thousand times a second for that</span>
          </li>
        )}
      </ul>
    </>
  );
}
