// Reads what ban_tf/view/viewer/scene.py wrote into the page.
import { unpack, readColumns } from "./columns.js";

export const NONE = -1;

/** The scene of a page: its document, and typed arrays with a number for each point. */
export async function readScene(page = document) {
  const about = JSON.parse(page.getElementById("document").textContent);
  const packed = page.getElementById("points");
  const columns = readColumns(await unpack(packed.textContent), about.columns);
  packed.remove(); // the text of the points is no longer needed
  const middle = middleOf(columns.place, about.step);
  return {
    about,
    count: about.shown,
    middle, // of the cloud, from its lowest corner; places are told from here
    xyz: placesOf(columns.place, about.step, middle),
    rgb: columns.color ? colorsOf(columns.color) : null,
    confidence: columns.confidence,
    predicted: labelling(about.predicted, columns, "predicted"),
    truth: about.truth && labelling(about.truth, columns, "truth"),
    samples: columns.samples ?? null,
    attentions: about.attentions.map((one) => ({
      ...one,
      query: columns[`${one.name}_query`],
      key: columns[`${one.name}_key`],
    })),
  };
}

/** Where a point lies in the cloud's own coordinates, metres. */
export function placeOf(scene, point) {
  return [0, 1, 2].map(
    (axis) => scene.xyz[3 * point + axis] + scene.middle[axis] + scene.about.origin[axis],
  );
}

function middleOf(place, step) {
  const most = [0, 0, 0];
  for (let i = 0; i < place.length; i++) most[i % 3] = Math.max(most[i % 3], place[i]);
  return most.map((value) => (value * step) / 2);
}

function placesOf(place, step, middle) {
  const xyz = new Float32Array(place.length);
  for (let i = 0; i < xyz.length; i++) xyz[i] = place[i] * step - middle[i % 3];
  return xyz;
}

function colorsOf(parts) {
  const rgb = new Uint8Array(parts.length);
  for (let i = 0; i < rgb.length; i += 3) {
    rgb[i] = parts[i] + parts[i + 1]; // bytes wrap around
    rgb[i + 1] = parts[i];
    rgb[i + 2] = parts[i] + parts[i + 2];
  }
  return rgb;
}

/** Classes and instances of the points, NONE for none; columns are one higher. */
function labelling(about, columns, name) {
  const less = (values) => Int32Array.from(values, (value) => value - 1);
  return {
    ...about,
    name,
    semantic: less(columns[`${name}_semantic`]),
    instance: less(columns[`${name}_instance`]),
  };
}
