import { useEffect, useRef } from "preact/hooks";
import { HISTORY, type History } from "../model/processes";

interface Props {
  history: History;
  /** What stands for the full height at least. 0: only changes are drawn, about the middle. */
  least: number;
  /** Only there to draw it anew. */
  time: number;
}

/** The last minute as a small area. */
export function Spark({ history, least, time }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) draw(canvas.current, history, least);
  }, [history, least, time]);
  return <canvas ref={canvas} class="spark" aria-hidden="true" />;
}

function draw(canvas: HTMLCanvasElement, history: History, least: number): void {
  const scale = devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
  const context = canvas.getContext("2d");
  if (!context || width === 0 || height === 0) return;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  context.clearRect(0, 0, width, height);
  const values = history.values.subarray(0, history.length);
  const [highest, lowest] = [Math.max(...values), Math.min(...values)];
  if (history.length < 2 || highest === 0) return;
  const span = least > 0 ? Math.max(highest, least) : Math.max(highest - lowest, highest / 20);
  const bottom = least > 0 ? 0 : (highest + lowest - span) / 2;
  const x = (i: number): number => ((i + HISTORY - history.length) * width) / (HISTORY - 1);
  const y = (i: number): number => height - 0.5 * scale - ((values[i]! - bottom) / span) * (height - 2 * scale);
  const color = getComputedStyle(canvas).color;
  context.beginPath();
  context.moveTo(x(0), y(0));
  for (let i = 1; i < history.length; i++) context.lineTo(x(i), y(i));
  context.strokeStyle = color;
  context.lineWidth = scale;
  context.stroke();
  if (least === 0) return;
  context.lineTo(width, height);
  context.lineTo(x(0), height);
  context.globalAlpha = 0.16;
  context.fillStyle = color;
  context.fill();
  context.globalAlpha = 1;
}
