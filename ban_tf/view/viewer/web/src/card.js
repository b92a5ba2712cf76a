// What is told on the picture: the clicked point and its instance, the measured length, tools, help.
import { counted, icon, make, metres, percent } from "./dom.js";
import { bindings } from "./keys.js";
import { NONE, placeOf } from "./scene.js";

export function buildCard(element, viewer) {
  const card = make("aside", { id: "card", "aria-live": "polite", hidden: true });
  element.append(card);
  let shown = null;
  viewer.onChange(() => {
    const { point, selected, mode } = viewer.state;
    const now = [point, selected, mode];
    if (shown && now.every((value, i) => value === shown[i])) return;
    shown = now;
    card.hidden = point === NONE && !selected;
    if (!card.hidden) card.replaceChildren(...contents(viewer));
  });
}

function contents(viewer) {
  const { scene, state, instance } = viewer;
  const { classes } = scene.about;
  const nameOf = (number) => classes[number]?.name ?? "no class";
  const close = make("button", { class: "icon", "aria-label": "Close", on: { click: () => viewer.clear() } }, icon("close"));
  const kind = state.mode.isTruth ? "true instance" : "instance";
  const title = instance ? `${nameOf(instance.semantic)} · ${kind} ${instance.number}` : `no ${kind}`;
  const rows = [];
  if (instance) {
    rows.push(["points", counted(instance.points)]);
    if (instance.confidence !== null) rows.push(["confidence", percent(instance.confidence)]);
    rows.push(["size", instance.size.map((side) => side.toFixed(2)).join(" × ") + " m"]);
  }
  if (state.point !== NONE) rows.push(...pointRows(scene, state.point, nameOf));
  return [
    make("div", { class: "title" }, make("h2", {}, title), close),
    make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", { "data-row": name }, value)])),
  ];
}

function pointRows(scene, point, nameOf) {
  const { predicted, truth } = scene;
  const rows = [["class here", `${nameOf(predicted.semantic[point])}, ${percent(scene.confidence[point] / 100)}`]];
  if (truth) rows.push(["true class", nameOf(truth.semantic[point])]);
  rows.push(["place", placeOf(scene, point).map((value) => value.toFixed(2)).join(", ")]);
  return rows;
}

/** The label of the measured line, and what to do until there is one. */
export function buildLength(element, viewer) {
  const label = make("output", { id: "length", hidden: true });
  const hint = make("p", { id: "hint", hidden: true });
  element.append(label, hint);
  const { stage, overlay, state } = viewer;
  stage.listeners.push(() => {
    if (label.hidden) return;
    const [from, to] = state.measured.map((point) => overlay.place(point));
    const { x, y } = stage.project(from.add(to).multiplyScalar(0.5));
    Object.assign(label.style, { left: `${x}px`, top: `${y}px` });
  });
  viewer.onChange(() => {
    const { distance } = viewer;
    label.hidden = !distance;
    if (distance) label.textContent = metres(distance.length);
    hint.hidden = !state.isMeasuring;
    if (distance) hint.textContent = `${metres(distance.length)}: ${metres(distance.level)} level, ${metres(distance.upright)} upright`;
    else hint.textContent = state.measured.length ? "Click the second point" : "Click the first of two points";
  });
}

export function buildTools(element, viewer) {
  const tool = (name, title, act) =>
    make("button", { class: "icon", title, "aria-label": title, "data-tool": name, on: { click: act } }, icon(name));
  const measure = tool("measure", "Measure (M)", () => viewer.toggleMeasure());
  const open = tool("open", "Open or close the room (O)", () => viewer.toggleOpen());
  open.hidden = !viewer.opening.hasInside;
  element.append(
    make(
      "nav",
      { id: "tools", "aria-label": "Tools" },
      tool("home", "First view (R)", () => viewer.reset()),
      tool("top", "From above (T)", () => viewer.look("top")),
      open,
      measure,
      tool("camera", "Save a picture (S)", () => viewer.savePicture()),
      tool("theme", "Dark or light (D)", () => viewer.toggleTheme()),
      tool("help", "Keys and gestures (?)", () => viewer.showHelp()),
    ),
  );
  viewer.onChange(() => {
    measure.setAttribute("aria-pressed", String(viewer.state.isMeasuring));
    open.setAttribute("aria-pressed", String(viewer.opening.isOpen));
  });
}

const GESTURES = [
  ["Drag, one finger", "turn"],
  ["Right drag, two fingers", "move"],
  ["Wheel, pinch", "nearer, farther"],
  ["Click, tap", "a point and its instance"],
  ["Twice", "turn around this point"],
];

export function buildHelp(viewer) {
  const dialog = make("dialog", { id: "help", "aria-label": "Keys and gestures" });
  const close = make("button", { class: "icon", "aria-label": "Close", on: { click: () => dialog.close() } }, icon("close"));
  const keys = bindings(viewer).map(({ keys: names, text }) => [names.map((name) => make("kbd", {}, name)), text]);
  const rows = [...GESTURES.map(([gesture, text]) => [[gesture], text]), ...keys];
  dialog.append(
    make("div", { class: "title" }, make("h2", {}, "Keys and gestures"), close),
    make("dl", {}, ...rows.flatMap(([names, text]) => [make("dt", {}, ...names), make("dd", {}, text)])),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
}
