// Which point lies under the pointer, and what a touch or click is.
import { Matrix4 } from "three";
import { LEAST_PIXELS } from "./cloud.js";

const REACH = 9; // pixels of the page around the pointer
const SLACK = 0.01; // points so little farther than the nearest lie beside it, as a share
const STILL = 6; // pixels that a finger may move in a click

/** The visible point that is drawn at, or nearest to, a place of the canvas; -1 for none. */
export function pick(stage, x, y) {
  const { camera, cloud, width, height } = stage;
  const { array } = cloud.points.geometry.attributes.position;
  const m = new Matrix4().multiplyMatrices(camera.projectionMatrix, camera.matrixWorldInverse).elements;
  const ratio = stage.renderer.getPixelRatio();
  const disc = (cloud.uniforms.size.value * cloud.uniforms.scale.value) / ratio / 2;
  const covering = []; // discs under the pointer
  let nearest = -1;
  let least = REACH * REACH;
  for (let point = 0, i = 0; i < array.length; point++, i += 3) {
    const [px, py, pz] = [array[i], array[i + 1], array[i + 2]];
    const w = m[3] * px + m[7] * py + m[11] * pz + m[15];
    if (w <= camera.near) continue;
    const dx = ((m[0] * px + m[4] * py + m[8] * pz + m[12]) / w + 1) * 0.5 * width - x;
    if (dx > REACH || dx < -REACH) continue;
    const dy = (1 - (m[1] * px + m[5] * py + m[9] * pz + m[13]) / w) * 0.5 * height - y;
    const off = dx * dx + dy * dy;
    if (off > REACH * REACH || !cloud.isVisible(point)) continue;
    const radius = Math.max(disc / w, LEAST_PIXELS / ratio / 2);
    if (off <= radius * radius) covering.push({ point, w, off });
    if (off < least) [nearest, least] = [point, off];
  }
  if (!covering.length) return nearest;
  const front = Math.min(...covering.map((one) => one.w));
  const beside = covering.filter((one) => one.w <= front * (1 + SLACK));
  return beside.reduce((best, one) => (one.off < best.off ? one : best)).point;
}

/** Calls `onClick(x, y)` for clicks and taps, `onDouble` for two of them, not for drags. */
export function listenForClicks(canvas, onClick, onDouble) {
  let start = null;
  let last = null;
  let fingers = 0;
  canvas.addEventListener("pointerdown", (event) => {
    fingers += 1;
    start = fingers === 1 && event.button === 0 ? event : null;
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
    canvas.addEventListener(end, () => (fingers = Math.max(0, fingers - 1)));
  }
  canvas.addEventListener("pointerup", (event) => {
    const moved = start ? Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) : Infinity;
    const isClick = moved <= STILL;
    start = null;
    if (!isClick) return;
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const isDouble = last && event.timeStamp - last.time < 350 && Math.hypot(x - last.x, y - last.y) < 3 * STILL;
    last = isDouble ? null : { x, y, time: event.timeStamp };
    (isDouble ? onDouble : onClick)(x, y);
  });
}
