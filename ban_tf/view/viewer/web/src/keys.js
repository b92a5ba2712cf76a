// The keyboard; the same table is the help of the page.

const TURN = Math.PI / 36;

/** Keys, what they do, and in which words; `key` is as the browser names it. */
export function bindings(viewer) {
  const { stage } = viewer;
  return [
    { keys: ["1", "…", String(viewer.modes.length)], text: "colour by the first, … mode" },
    { keys: ["←", "→", "↑", "↓"], text: "turn", run: arrows(stage) },
    { keys: ["+", "−"], text: "nearer, farther", run: { "+": near(stage), "=": near(stage), "-": far(stage) } },
    { keys: ["R"], text: "the first view", run: { r: () => viewer.reset() } },
    { keys: ["T", "F", "G"], text: "from above, the front, the side", run: looks(viewer) },
    { keys: ["O"], text: "open or close the room", run: { o: () => viewer.toggleOpen() } },
    { keys: ["E"], text: "shading on or off", run: { e: () => viewer.toggleShading() } },
    { keys: ["[", "]"], text: "smaller, larger points", run: { "[": () => viewer.scaleSize(0.8), "]": () => viewer.scaleSize(1.25) } },
    { keys: ["A"], text: "show all classes", run: { a: () => viewer.showAll() } },
    { keys: ["M"], text: "measure", run: { m: () => viewer.toggleMeasure() } },
    { keys: ["S"], text: "save a picture", run: { s: () => viewer.savePicture() } },
    { keys: ["D"], text: "dark or light", run: { d: () => viewer.toggleTheme() } },
    { keys: ["Esc"], text: "nothing selected, nothing measured", run: { Escape: () => viewer.clear() } },
    { keys: ["?"], text: "this help", run: { "?": () => viewer.showHelp(), h: () => viewer.showHelp() } },
  ];
}

const arrows = (stage) => ({
  ArrowLeft: () => stage.turn(-TURN, 0),
  ArrowRight: () => stage.turn(TURN, 0),
  ArrowUp: () => stage.turn(0, TURN),
  ArrowDown: () => stage.turn(0, -TURN),
});
const near = (stage) => () => stage.approach(0.85);
const far = (stage) => () => stage.approach(1 / 0.85);
const looks = (viewer) => ({ t: () => viewer.look("top"), f: () => viewer.look("front"), g: () => viewer.look("side") });

export function listenForKeys(viewer) {
  const run = Object.assign({}, ...bindings(viewer).map((binding) => binding.run));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.matches("input, select") && event.key.startsWith("Arrow")) return;
    const mode = viewer.modes[Number(event.key) - 1];
    const action = mode ? () => viewer.setMode(mode.id) : run[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
