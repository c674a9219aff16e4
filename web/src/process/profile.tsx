import { useEffect, useState } from "preact/hooks";
import { address, ask, type Detail, Problem } from "../model/api";
import { count } from "../model/format";
import { type Flame, flameOf, type SpeedscopeFile } from "../model/flame";
import { nameOf, save } from "../parts/download";
import { useGet } from "../parts/load";
import { ProblemBox } from "../parts/problem";
import { FlameGraph } from "./flame";

interface Taken {
  flame: Flame;
  blob: Blob;
  name: string;
  samples: number;
  how: string;
}

const formats: [string, string][] = [
  ["pprof", "go tool pprof, Grafana"],
  ["speedscope", "speedscope.app"],
  ["folded", "flamegraph.pl"],
  ["svg", "a picture"],
  ["nettrace", "PerfView"],
  ["diagsession", "Visual Studio"],
];

export function Profile({ id }: { id: number }) {
  const detail = useGet<Detail>(address(id, ""));
  const [mode, setMode] = useState("cpu");
  const [since, setSince] = useState(0); // 0: none is running
  const [seconds, setSeconds] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [taken, setTaken] = useState<Taken | undefined>();

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
      setSeconds(0);
      setSince(Date.now());
    });
  const stop = (): Promise<void> =>
    attempt(async () => {
      const answer = await ask(address(id, "/profile/stop", { format: "speedscope" }));
      const blob = await answer.blob();
      setSince(0);
      setTaken({
        flame: flameOf(JSON.parse(await blob.text()) as SpeedscopeFile),
        blob,
        name: nameOf(answer.headers.get("Content-Disposition"), "profile.speedscope.json"),
        samples: Number(answer.headers.get("X-Profile-Samples") ?? 0),
        how: answer.headers.get("X-Profile-How") ?? "",
      });
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
        {taken && <button type="button" onClick={() => save(taken.blob, taken.name)}>Download this (speedscope)</button>}
      </div>
      {error !== undefined && <ProblemBox error={error} />}
      {taken && (
        <p class="soft" role="status">
          {count(taken.samples, "sample")}. {taken.how}
          {taken.samples === 0 && " It did not run in this time; “waiting threads, too” shows where it waits."}
        </p>
      )}
      {taken && taken.flame.value > 0 && <FlameGraph root={taken.flame} />}
      <h3>Ten seconds as a file</h3>
      <ul class="formats">
        {formats.map(([format, reader]) => (
          <li key={format}><a href={address(id, "/profile", { seconds: "10", format, mode })} download>{format}</a> <span class="soft">{reader}</span></li>
        ))}
      </ul>
    </>
  );
}
