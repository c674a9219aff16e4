import { useContext } from "preact/hooks";
import { Problem } from "../model/api";
import { Advice } from "./advice";
import { ProcessId } from "./around";

export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What went wrong, where it did; and where a right is missing, what the doctor says. */
export function ProblemBox({ error, again }: { error: unknown; again?: () => void }) {
  const id = useContext(ProcessId);
  const status = error instanceof Problem ? error.status : 0;
  return (
    <>
      <div class="problem" role="alert">
        <p>{words(error)}</p>
        {status === 404 && <p class="soft">It may have ended meanwhile.</p>}
        {again && (
          <button type="button" onClick={again}>
            Try again
          </button>
        )}
      </div>
      {status === 403 && id !== undefined && <Advice id={id} />}
    </>
  );
}
