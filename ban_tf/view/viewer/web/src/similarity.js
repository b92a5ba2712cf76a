// A row of an attention's similarity, as in Fig. 7 of the paper: where one point looks.
import { NONE } from "./scene.js";

const ZERO = 128; // what stands for 0 in the bytes of queries and keys
const BRIGHTEST = 0.98; // share of a row that is not in full colour
const CELLS = 24; // along the longest side of the grid that finds neighbours

/** The row of a point: `value` 0 to 1 for each shown point, -1 outside; null where none is kept. */
export function rowOf(scene, attention, point) {
  const [numSamples, size] = scene.about.samples;
  const found = placeIn(scene, point, numSamples, size);
  if (!found) return null;
  const members = scene.samples.subarray(found.sample * size, (found.sample + 1) * size);
  const weights = softmax(products(attention, found, size));
  const top = quantile(weights, BRIGHTEST) || 1e-30;
  const scaled = weights.map((weight) => Math.min(weight / top, 1));
  return {
    value: spread(scene, members, scaled, found.box),
    asked: members[found.place],
    size,
    ...judged(scene, members, weights, members[found.place]),
  };
}

/** The sample and the place in it that are nearest to a point, among samples around it. */
function placeIn(scene, point, numSamples, size) {
  const at = scene.xyz.subarray(3 * point, 3 * point + 3);
  let best = null;
  for (let sample = 0; sample < numSamples; sample++) {
    const members = scene.samples.subarray(sample * size, (sample + 1) * size);
    const box = boxOf(scene.xyz, members);
    if (at.some((value, k) => value < box.low[k] - box.slack || value > box.high[k] + box.slack)) continue;
    for (let place = 0; place < size; place++) {
      const off = squared(scene.xyz, members[place], at);
      if (!best || off < best.off) best = { sample, place, off, box };
    }
  }
  return best;
}

function boxOf(xyz, members) {
  const [low, high] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
  for (const point of members) {
    for (let k = 0; k < 3; k++) {
      low[k] = Math.min(low[k], xyz[3 * point + k]);
      high[k] = Math.max(high[k], xyz[3 * point + k]);
    }
  }
  return { low, high, slack: Math.max(...high.map((value, k) => value - low[k])) / CELLS };
}

function squared(xyz, point, at) {
  let sum = 0;
  for (let k = 0; k < 3; k++) sum += (xyz[3 * point + k] - at[k]) ** 2;
  return sum;
}

function products({ query, key, rank, scale }, { sample, place }, size) {
  const own = (sample * size + place) * rank;
  const factor = scale[sample].map((value, k) => value * (query[own + k] - ZERO));
  return Float64Array.from({ length: size }, (_, other) => {
    const at = (sample * size + other) * rank;
    return factor.reduce((sum, value, k) => sum + value * (key[at + k] - ZERO), 0);
  });
}

function softmax(values) {
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = values.map((value) => Math.exp(value - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(share * (sorted.length - 1))];
}

/** Every shown point in the box takes the value of the nearest member, if one is near. */
function spread(scene, members, values, { low, high, slack }) {
  const { xyz, count } = scene;
  const cellOf = (point, k) => Math.floor((xyz[3 * point + k] - low[k]) / (slack || 1));
  const name = (x, y, z) => (x * 64 + y) * 64 + z;
  const cells = new Map();
  members.forEach((point, place) => {
    const cell = name(cellOf(point, 0), cellOf(point, 1), cellOf(point, 2));
    if (!cells.has(cell)) cells.set(cell, []);
    cells.get(cell).push(place);
  });
  const result = new Float32Array(count).fill(-1);
  for (let point = 0; point < count; point++) {
    const at = xyz.subarray(3 * point, 3 * point + 3);
    if (at[0] < low[0] || at[0] > high[0] || at[1] < low[1] || at[1] > high[1]) continue;
    const [x, y, z] = [0, 1, 2].map((k) => cellOf(point, k));
    let least = slack * slack;
    for (let step = 0; step < 27; step++) {
      const cell = name(x + (step % 3) - 1, y + (Math.floor(step / 3) % 3) - 1, z + Math.floor(step / 9) - 1);
      for (const place of cells.get(cell) ?? []) {
        const off = squared(xyz, members[place], at);
        if (off <= least) [least, result[point]] = [off, values[place]];
      }
    }
  }
  return result;
}

/** How much of the row lies on points of its own class and instance, and what chance would give. */
function judged(scene, members, weights, asked) {
  const labels = scene.truth ?? scene.predicted;
  const own = (numbers) => {
    if (numbers[asked] === NONE) return null;
    let [weight, same] = [0, 0];
    members.forEach((point, place) => {
      if (numbers[point] !== numbers[asked]) return;
      weight += weights[place];
      same += 1 / members.length;
    });
    return { weight, chance: same };
  };
  const entropy = weights.reduce((sum, weight) => sum - (weight > 0 ? weight * Math.log(weight) : 0), 0);
  return {
    ownClass: own(labels.semantic),
    ownInstance: own(labels.instance),
    effective: Math.exp(entropy),
    isTrue: labels === scene.truth,
  };
}
