// Starts the page that ban_tf/view/viewer/page.py writes.
import { buildCard, buildHelp, buildLength, buildTools } from "./card.js";
import { make } from "./dom.js";
import { listenForKeys } from "./keys.js";
import { buildPanel } from "./panel.js";
import { pick } from "./picking.js";
import { pictureOf } from "./picture.js";
import { readScene } from "./scene.js";
import { Viewer } from "./viewer.js";

const OUTDATED =
  "This browser cannot show the points: WebGL 2 and DecompressionStream are needed, " +
  "which current versions of all large browsers have.";

async function start() {
  const element = document.getElementById("stage");
  const busy = make("p", { id: "busy", role: "status" }, "Unpacking the points…");
  element.append(busy);
  try {
    const scene = await readScene();
    const viewer = new Viewer(element, scene);
    buildPanel(document.getElementById("panel"), viewer);
    buildTools(element, viewer);
    buildCard(element, viewer);
    buildLength(element, viewer);
    buildHelp(viewer);
    listenForKeys(viewer);
    busy.remove();
    viewer.stage.canvas.focus({ preventScroll: true });
    window.viewer = { viewer, pick: (x, y) => pick(viewer.stage, x, y), pictureOf: () => pictureOf(viewer) };
  } catch (error) {
    busy.textContent = `${OUTDATED} (${error.message})`;
    throw error;
  }
}

start();
