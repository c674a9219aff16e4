import { duration, visible } from "../model/format";
import { type Instance, silence } from "../model/instances";

const words = { running: "running", unreachable: "does not answer", gone: "gone", conflict: "two have its id" };

function seen(one: Instance): string {
  const ago = silence(one, Date.now());
  return one.is_self ? "" : ago === undefined ? "never seen" : `seen ${duration(ago)} ago`;
}

/** Whether it runs, and when it was last heard of. */
export function State({ one }: { one: Instance }) {
  const state = one.state ?? "unreachable";
  return (
    <span class="instance-state">
      <span class={state === "running" ? "state good" : "state bad"}>{words[state]}</span>
      {seen(one) !== "" && <span class="soft">{seen(one)}</span>}
    </span>
  );
}

/** Why it is not running, as the instance that was asked puts it. */
export function Reason({ one }: { one: Instance }) {
  return one.problem ? <span class="soft reason">{visible(one.problem)}</span> : null;
}
