// Colours for numbers from 0 to 1. Those of confidence tell apart for all kinds of eyes (viridis).

const CONFIDENCE = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"];
const SIMILARITY = {
  dark: ["#39404d", "#5b5f97", "#c65d7b", "#ff9e5e", "#fff3a8"],
  light: ["#c9ced6", "#8fb3de", "#4f7fd1", "#2b46a8", "#1a1457"],
};
const STEPS = 256;

export function bytesOf(color) {
  const value = parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** A table of 256 colours, three bytes each, and the same as a CSS gradient. */
function ramp(stops) {
  const table = new Uint8Array(3 * STEPS);
  const colors = stops.map(bytesOf);
  for (let i = 0; i < STEPS; i++) {
    const place = (i / (STEPS - 1)) * (stops.length - 1);
    const from = Math.min(Math.floor(place), stops.length - 2);
    for (let k = 0; k < 3; k++) {
      const [low, high] = [colors[from][k], colors[from + 1][k]];
      table[3 * i + k] = Math.round(low + (high - low) * (place - from));
    }
  }
  return { table, css: `linear-gradient(to right, ${stops.join(", ")})` };
}

export const confidenceRamp = ramp(CONFIDENCE);
export const similarityRamp = { dark: ramp(SIMILARITY.dark), light: ramp(SIMILARITY.light) };
