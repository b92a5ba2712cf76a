// What the colours of the points mean.
import { DIM, HIDDEN, SHOWN } from "./cloud.js";
import { bytesOf, confidenceRamp } from "./ramps.js";
import { NONE } from "./scene.js";

const NO_LABEL = [217, 217, 217];
const NO_COLOR = [150, 156, 165];
export const VERDICTS = [
  { name: "right class", color: "#b9c0c9" },
  { name: "wrong class", color: "#d55e00" },
  { name: "no true label", color: "#6b7280" },
];
const [RIGHT, WRONG, UNKNOWN] = [0, 1, 2];

/** The modes of a scene, in the order of their keys. */
export function modesOf(scene) {
  const modes = [
    { id: "color", title: scene.rgb ? "Colour" : "Plain" },
    { id: "class", title: "Class" },
    { id: "instance", title: "Instance" },
  ];
  if (scene.truth) {
    modes.push(
      { id: "true-class", title: "True class", isTruth: true },
      { id: "true-instance", title: "True instance", isTruth: true },
      { id: "errors", title: "Errors" },
    );
  }
  modes.push({ id: "confidence", title: "Confidence" }, { id: "similarity", title: "Similarity" });
  return modes;
}

export const labellingOf = (scene, mode) => (mode.isTruth ? scene.truth : scene.predicted);

/** 0, 1 or 2 for each point: places in VERDICTS. */
export function verdicts(scene) {
  return Uint8Array.from(scene.truth.semantic, (truth, point) => {
    if (truth === NONE) return UNKNOWN;
    return truth === scene.predicted.semantic[point] ? RIGHT : WRONG;
  });
}

/** Writes the colours and states of all points. `state` is that of viewer.js. */
export function paint(scene, state, cloud) {
  const labelling = labellingOf(scene, state.mode);
  const colorOf = colorings[state.mode.id](scene, labelling);
  const { selected } = state;
  const row = state.mode.id === "similarity" ? state.row : null;
  for (let point = 0; point < scene.count; point++) {
    const at = 4 * point;
    let lit = SHOWN;
    if (state.hidden.has(labelling.semantic[point])) lit = HIDDEN;
    else if (row) lit = row.value[point] < 0 ? DIM : SHOWN;
    else if (selected && scene[selected.labelling].instance[point] !== selected.index) lit = DIM;
    cloud.paint[at + 3] = lit;
    colorOf(point, cloud.paint, at);
  }
  if (row) paintRow(row, state.similarityTable, cloud.paint, scene.count);
  cloud.repaint();
}

function paintRow(row, table, target, count) {
  for (let point = 0; point < count; point++) {
    if (row.value[point] < 0) continue;
    const step = 3 * Math.round(255 * row.value[point]);
    for (let k = 0; k < 3; k++) target[4 * point + k] = table[step + k];
  }
}

// Each gives a function that writes the colour of a point into `target` at `at`.
const colorings = {
  color: (scene) => ofFile(scene),
  class: (scene, labelling) => fromTable(scene.about.classes, labelling.semantic),
  instance: (scene, labelling) => fromTable(labelling.instances, labelling.instance),
  "true-class": (scene, labelling) => fromTable(scene.about.classes, labelling.semantic),
  "true-instance": (scene, labelling) => fromTable(labelling.instances, labelling.instance),
  errors: (scene) => fromTable(VERDICTS, verdicts(scene)),
  confidence: (scene) => (point, target, at) => {
    const step = 3 * Math.round(2.55 * scene.confidence[point]);
    for (let k = 0; k < 3; k++) target[at + k] = confidenceRamp.table[step + k];
  },
  similarity: (scene) => ofFile(scene),
};

function ofFile(scene) {
  return scene.rgb ? fromBytes(scene.rgb) : (point, target, at) => target.set(NO_COLOR, at);
}

function fromBytes(rgb) {
  return (point, target, at) => {
    for (let k = 0; k < 3; k++) target[at + k] = rgb[3 * point + k];
  };
}

function fromTable(entries, numbers) {
  const colors = entries.map((entry) => bytesOf(entry.color));
  return (point, target, at) => {
    const color = colors[numbers[point]] ?? NO_LABEL;
    for (let k = 0; k < 3; k++) target[at + k] = color[k];
  };
}
