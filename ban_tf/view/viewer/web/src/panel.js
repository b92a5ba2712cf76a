// The panel beside the picture: what the colours mean, which classes are shown, how it is drawn.
import { counted, icon, make } from "./dom.js";
import { legendOf } from "./legends.js";
import { NONE } from "./scene.js";

export function buildPanel(panel, viewer) {
  const body = make("div", { id: "settings" }, modes(viewer), legend(viewer), classes(viewer), drawing(viewer));
  panel.append(header(panel, viewer), body);
}

function header(panel, viewer) {
  const { about } = viewer.scene;
  const instances = about.predicted.instances.length;
  const numbers = `${counted(about.total)} points · ${counted(instances)} ${instances === 1 ? "instance" : "instances"}`;
  const fold = make("button", { class: "icon fold", "aria-label": "Fold or unfold the settings", "aria-expanded": "true" }, icon("fold"));
  fold.addEventListener("click", () => {
    const isFolded = panel.classList.toggle("folded");
    fold.setAttribute("aria-expanded", String(!isFolded));
  });
  const thinned = about.shown < about.total
    ? make("p", { class: "note", id: "thinned" }, `${counted(about.shown)} of them are shown, spread evenly; numbers are of all.`)
    : null;
  return make(
    "header",
    {},
    make("div", { class: "title" }, make("h1", { title: about.name }, about.name), fold),
    make("p", { class: "muted" }, numbers),
    thinned,
  );
}

function section(title, ...children) {
  return make("section", {}, make("h2", {}, title), ...children);
}

function modes(viewer) {
  const buttons = viewer.modes.map((mode, index) =>
    make(
      "button",
      { "data-mode": mode.id, title: `Key ${index + 1}`, on: { click: () => viewer.setMode(mode.id) } },
      mode.title,
    ),
  );
  viewer.onChange(() => {
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === viewer.state.mode.id));
    }
  });
  return section("Colour by", make("div", { class: "modes", role: "group", "aria-label": "Colour by" }, ...buttons));
}

function legend(viewer) {
  const place = make("div", { id: "legend" });
  let shown = null;
  viewer.onChange(() => {
    const { mode, theme, attention, row, selected } = viewer.state;
    const now = [mode, theme, attention, row, selected && selected.index];
    if (shown && now.every((value, i) => value === shown[i])) return;
    shown = now;
    place.replaceChildren(...legendOf(viewer));
    place.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  });
  return place;
}

function classes(viewer) {
  const list = make("ul", { class: "rows", id: "classes" });
  const heading = make("h2", {}, "Classes");
  let labelling = null;
  const fill = () => {
    labelling = viewer.labelling;
    heading.textContent = labelling.name === "truth" ? "True classes" : "Classes";
    const numbers = [...viewer.scene.about.classes.keys(), NONE].filter((number) => labelling.counts[number + 1]);
    list.replaceChildren(...numbers.map((number) => classRow(viewer, labelling, number)));
  };
  viewer.onChange(() => {
    if (labelling !== viewer.labelling) fill();
    for (const row of list.children) {
      const isShown = !viewer.state.hidden.has(Number(row.dataset.class));
      row.firstChild.setAttribute("aria-pressed", String(isShown));
    }
  });
  const all = make("button", { class: "link", on: { click: () => viewer.showAll() } }, "all");
  const none = make("button", { class: "link", on: { click: () => viewer.hideAll() } }, "none");
  return make("section", {}, make("div", { class: "heading" }, heading, all, none), list);
}

function classRow(viewer, labelling, number) {
  const kind = viewer.scene.about.classes[number] ?? { name: "no class", color: "#d9d9d9" };
  const toggle = make(
    "button",
    { class: "row", title: "Show or hide", on: { click: () => viewer.toggleClass(number) } },
    make("span", { class: "swatch", style: `background:${kind.color}` }),
    make("span", { class: "name" }, kind.name),
    make("span", { class: "number" }, counted(labelling.counts[number + 1])),
  );
  const only = make(
    "button",
    { class: "link only", "aria-label": `Only ${kind.name}`, on: { click: () => viewer.showOnly(number) } },
    "only",
  );
  return make("li", { "data-class": number }, toggle, only);
}

function drawing(viewer) {
  const size = slider("Point size", { min: -1.6, max: 1.6, step: 0.05 }, (value) => viewer.setSize(Math.exp(value)));
  const top = slider("Height shown", { min: 0.02, max: 1, step: 0.01 }, (value) => viewer.setTop(value));
  const open = toggle("Open the room", "Takes off the ceiling, and walls between you and the inside", () => viewer.toggleOpen());
  const shading = toggle("Shading", "Shades edges by depth", () => viewer.toggleShading());
  viewer.onChange(() => {
    size.input.value = Math.log(viewer.state.size);
    top.input.value = viewer.state.top;
    open.input.checked = viewer.opening.isOpen;
    shading.input.checked = viewer.stage.shading.isOn;
  });
  open.row.hidden = !viewer.opening.hasInside;
  return section("Drawing", size.row, top.row, open.row, shading.row);
}

function slider(title, range, act) {
  const input = make("input", { type: "range", ...range, on: { input: () => act(Number(input.value)) } });
  return { input, row: make("label", { class: "slider" }, make("span", {}, title), input) };
}

function toggle(title, hint, act) {
  const input = make("input", { type: "checkbox", role: "switch", on: { change: act } });
  return { input, row: make("label", { class: "switch", title: hint }, make("span", {}, title), input) };
}
