// What stands in the panel below the modes: what the colours of each mode mean.
import { counted, make, percent } from "./dom.js";
import { VERDICTS, verdicts } from "./modes.js";
import { confidenceRamp, similarityRamp } from "./ramps.js";
import { NONE } from "./scene.js";

const MOST_ROWS = 300;
const ATTENTIONS = {
  stoi: "STOI: points of similar semantic features",
  itos: "ITOS: points of similar embedding",
};

export function legendOf(viewer) {
  const legend = legends[viewer.state.mode.id];
  return legend ? [legend(viewer)].flat() : [];
}

const legends = {
  instance: instances,
  "true-instance": instances,
  errors,
  confidence: () => ramp(confidenceRamp.css, "0 %", "100 %", "Mean probability of the class"),
  similarity,
};

function note(text, id = null) {
  return make("p", { class: "note", id }, text);
}

function ramp(css, low, high, text) {
  const ends = make("div", { class: "ends" }, make("span", {}, low), make("span", {}, high));
  return make("section", {}, make("div", { class: "ramp", style: `background:${css}` }), ends, note(text));
}

function instances(viewer) {
  const { classes } = viewer.scene.about;
  const { labelling } = viewer;
  const order = [...labelling.instances.keys()].sort(
    (a, b) => labelling.instances[b].points - labelling.instances[a].points || a - b,
  );
  const rows = order.slice(0, MOST_ROWS).map((index) => {
    const { number, semantic, points, color } = labelling.instances[index];
    const isSelected = viewer.state.selected?.index === index;
    return make(
      "li",
      {},
      make(
        "button",
        { class: "row", "aria-current": isSelected ? "true" : null, on: { click: () => viewer.selectInstance(index) } },
        make("span", { class: "swatch", style: `background:${color}` }),
        make("span", { class: "name" }, `${classes[semantic]?.name ?? "no class"} ${number}`),
        make("span", { class: "number" }, counted(points)),
      ),
    );
  });
  if (!rows.length) return note("There are no instances.");
  const list = make("ul", { class: "rows short", id: "instances" }, ...rows);
  const left = order.length - rows.length;
  const title = make("h2", {}, labelling.name === "truth" ? "True instances" : "Instances");
  return make("section", {}, title, list, left > 0 ? note(`${counted(left)} smaller ones are not listed.`) : null);
}

function errors({ scene }) {
  const counts = [0, 0, 0];
  for (const verdict of verdicts(scene)) counts[verdict] += 1;
  const known = counts[0] + counts[1];
  const rows = VERDICTS.map(({ name, color }, verdict) =>
    make(
      "li",
      { class: "row" },
      make("span", { class: "swatch", style: `background:${color}` }),
      make("span", { class: "name" }, name),
      make("span", { class: "number" }, counted(counts[verdict])),
    ),
  );
  const share = known ? note(`${percent(counts[0] / known)} of the labelled points have the right class.`) : null;
  return make("section", {}, make("ul", { class: "rows", id: "verdicts" }, ...rows), share);
}

function similarity(viewer) {
  const { scene, state } = viewer;
  if (!scene.attentions.length) {
    const flag = make("code", {}, "--similarity");
    return make("p", { class: "note", id: "no-similarity" }, "This file holds no similarities: write it with ", flag, ", of a network that has attentions.");
  }
  const buttons = scene.attentions.map((one) =>
    make(
      "button",
      { "data-attention": one.name, "aria-pressed": String(one === state.attention), on: { click: () => viewer.setAttention(one.name) } },
      one.name.toUpperCase(),
    ),
  );
  return [
    make("div", { class: "modes", role: "group", "aria-label": "Attention" }, ...buttons),
    note(ATTENTIONS[state.attention.name] ?? state.attention.name),
    ramp(similarityRamp[state.theme].css, "little", "much", rowNote(state)),
    ...rowNumbers(state.row),
    note(`Kept in few numbers: ${percent(state.attention.moved)} of a row's weight lies elsewhere than in the network.`),
  ];
}

function rowNote({ point, row }) {
  if (point === NONE) return "Click a point to see where it looks.";
  if (!row) return "No similarities are kept around this point. Click another.";
  return `Where the marked point looks among ${counted(row.size)} points of its sample; others take the value of the nearest.`;
}

function rowNumbers(row) {
  if (!row) return [];
  const kind = row.isTrue ? "true " : "";
  const line = (name, own) => (own ? [[`on its ${kind}${name}`, `${percent(own.weight)} (chance ${percent(own.chance)})`]] : []);
  const entries = [
    ...line("class", row.ownClass),
    ...line("instance", row.ownInstance),
    ["spreads over", `${counted(Math.round(row.effective))} points`],
  ];
  return [make("dl", { id: "row" }, ...entries.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]))];
}
