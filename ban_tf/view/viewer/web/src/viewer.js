// The state of the page and what can be done with it; parts of the page listen for changes.
import { Cloud } from "./cloud.js";
import { labellingOf, modesOf, paint } from "./modes.js";
import { measured, Overlay } from "./overlay.js";
import { Opening } from "./opening.js";
import { listenForClicks, pick } from "./picking.js";
import { savePicture } from "./picture.js";
import { similarityRamp } from "./ramps.js";
import { NONE } from "./scene.js";
import { rowOf } from "./similarity.js";
import { Stage } from "./stage.js";

const BACKGROUND = { dark: [22, 25, 30], light: [246, 247, 249] };
const FILLING = 3.4; // discs so much wider than points lie apart leave no holes

export class Viewer {
  constructor(element, scene) {
    this.scene = scene;
    this.modes = modesOf(scene);
    this.opening = new Opening(scene);
    this.cloud = new Cloud(scene, this.opening);
    this.stage = new Stage(element, this.cloud, this.opening, scene);
    this.overlay = new Overlay(this.stage, scene);
    this.usualSize = FILLING * (scene.about.spacing || this.stage.radius / 500);
    this.state = {
      mode: this.modes[scene.rgb ? 0 : 1],
      theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
      hidden: new Set(), // numbers of classes; NONE for points without
      point: NONE, // that was clicked
      selected: null, // an instance: the name of its labelling, and its index there
      attention: scene.attentions[0] ?? null,
      row: null, // of the similarity
      isMeasuring: false,
      measured: [], // points, at most two
      size: 1, // of the discs, times the usual one
      top: 1, // share of the height that is shown
    };
    this.listeners = [];
    this.setTheme(this.state.theme);
    this.scaleSize(1);
    listenForClicks(this.stage.canvas, (x, y) => this.click(x, y), (x, y) => this.focus(x, y));
    this.stage.controls.addEventListener("start", () => (this.stage.wasMoved = true));
  }

  /** Calls a part of the page after every change. */
  onChange(listener) {
    this.listeners.push(listener);
    listener();
  }

  changed({ colors = true } = {}) {
    if (colors) paint(this.scene, this.state, this.cloud);
    this.stage.invalidate();
    for (const listener of this.listeners) listener();
  }

  get labelling() {
    return labellingOf(this.scene, this.state.mode);
  }

  get similarityTable() {
    return similarityRamp[this.state.theme].table;
  }

  // --- colours ---

  setMode(id) {
    const { state } = this;
    state.mode = this.modes.find((mode) => mode.id === id);
    if (state.selected && state.selected.labelling !== this.labelling.name) this.select(state.point);
    this.ask();
    this.changed();
  }

  setTheme(theme) {
    this.state.theme = theme;
    this.state.similarityTable = this.similarityTable;
    document.documentElement.dataset.theme = theme;
    this.stage.background = BACKGROUND[theme];
    this.changed();
  }

  toggleTheme() {
    this.setTheme(this.state.theme === "dark" ? "light" : "dark");
  }

  toggleClass(number) {
    const { hidden } = this.state;
    if (!hidden.delete(number)) hidden.add(number);
    this.changed();
  }

  showOnly(number) {
    this.state.hidden = new Set([NONE, ...this.scene.about.classes.keys()].filter((other) => other !== number));
    this.changed();
  }

  showAll() {
    this.state.hidden.clear();
    this.changed();
  }

  hideAll() {
    this.state.hidden = new Set([NONE, ...this.scene.about.classes.keys()]);
    this.changed();
  }

  setAttention(name) {
    this.state.attention = this.scene.attentions.find((one) => one.name === name);
    this.ask();
    this.changed();
  }

  /** Works out the row of the similarity, where it is shown. */
  ask() {
    const { state, scene } = this;
    const isAsked = state.mode.id === "similarity" && state.attention && state.point !== NONE;
    state.row = isAsked ? rowOf(scene, state.attention, state.point) : null;
    this.overlay.showBox(state.mode.id === "similarity" ? null : this.instance);
    this.mark();
  }

  // --- points and instances ---

  get instance() {
    const { selected } = this.state;
    return selected && this.scene[selected.labelling].instances[selected.index];
  }

  click(x, y) {
    const point = pick(this.stage, x, y);
    if (this.state.isMeasuring) this.measure(point);
    else {
      this.select(point);
      this.ask();
      this.changed();
    }
  }

  select(point) {
    const { labelling } = this;
    const index = point === NONE ? NONE : labelling.instance[point];
    this.state.point = point;
    this.state.selected = index === NONE ? null : { labelling: labelling.name, index };
  }

  selectInstance(index) {
    this.state.point = NONE;
    this.state.selected = { labelling: this.labelling.name, index };
    this.ask();
    this.changed();
  }

  focus(x, y) {
    const point = pick(this.stage, x, y);
    if (point !== NONE) this.stage.focus(this.overlay.place(point));
  }

  clear() {
    this.select(NONE);
    Object.assign(this.state, { isMeasuring: false, measured: [] });
    this.overlay.showLine([]);
    this.ask();
    this.changed();
  }

  // --- measuring ---

  toggleMeasure() {
    const { state } = this;
    state.isMeasuring = !state.isMeasuring;
    state.measured = [];
    this.overlay.showLine([]);
    this.mark();
    this.changed({ colors: false });
  }

  measure(point) {
    const { state } = this;
    if (point === NONE) return;
    state.measured = state.measured.length === 1 ? [...state.measured, point] : [point];
    this.overlay.showLine(state.measured);
    this.mark();
    this.changed({ colors: false });
  }

  mark() {
    const { state } = this;
    this.overlay.showMarks(state.point === NONE ? state.measured : [state.point, ...state.measured]);
  }

  /** What lies between the two measured points; null before there are two. */
  get distance() {
    const { measured: ends } = this.state;
    return ends.length === 2 ? measured(...ends.map((point) => this.overlay.place(point))) : null;
  }

  // --- view ---

  look(name) {
    this.stage.wasMoved = name !== "start";
    this.stage.look(name);
  }

  reset() {
    this.setTop(1);
    this.look("start");
  }

  toggleOpen() {
    this.opening.isOpen = this.opening.hasInside && !this.opening.isOpen;
    this.changed({ colors: false });
  }

  toggleShading() {
    this.stage.shading.isOn = !this.stage.shading.isOn;
    this.changed({ colors: false });
  }

  scaleSize(factor) {
    this.setSize(this.state.size * factor);
  }

  setSize(size) {
    this.state.size = Math.max(0.2, Math.min(5, size));
    this.cloud.uniforms.size.value = this.usualSize * this.state.size;
    this.changed({ colors: false });
  }

  /** Leaves out what lies above a share of the height. */
  setTop(share) {
    const { low, high } = this.stage.bounds;
    this.state.top = share;
    this.opening.top = share === 1 ? Infinity : low[2] + share * (high[2] - low[2]);
    this.changed({ colors: false });
  }

  savePicture() {
    savePicture(this);
  }

  showHelp() {
    document.getElementById("help").showModal();
  }
}
