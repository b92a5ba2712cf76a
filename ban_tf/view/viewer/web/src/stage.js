// The canvas: camera, controls, and a new picture whenever something has changed.
import { ColorManagement, PerspectiveCamera, Scene, Vector3, WebGLRenderer } from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { Shading } from "./shading.js";

ColorManagement.enabled = false; // colours are drawn as they are in the file

const FIELD = 40; // degrees, upright
const MOST_RATIO = 2; // pixels of the canvas to one of the page
const DIRECTIONS = {
  // azimuth from the room's own axis, and elevation, in degrees
  start: (isRoom) => (isRoom ? [-58, 48] : [-55, 28]),
  top: () => [-90, 89.9],
  front: () => [-90, 8],
  side: () => [0, 8],
};

export class Stage {
  constructor(element, cloud, opening, scene) {
    this.element = element;
    this.cloud = cloud;
    this.opening = opening;
    this.isRoom = scene.about.isRoom;
    this.bounds = boundsOf(scene.xyz);
    this.radius = Math.max(new Vector3(...this.bounds.high).length(), 1e-3);
    this.background = [255, 255, 255];
    this.renderer = new WebGLRenderer({ antialias: true });
    this.renderer.autoClear = false;
    this.canvas = this.renderer.domElement;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("aria-label", "Point cloud; arrow keys turn it");
    element.prepend(this.canvas);
    this.camera = new PerspectiveCamera(FIELD, 1, 0.1, 10);
    this.camera.up.set(0, 0, 1);
    this.shading = new Shading();
    this.scene = new Scene().add(cloud.points);
    this.overlay = new Scene();
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.zoomToCursor = true;
    this.controls.rotateSpeed = 0.8;
    this.controls.addEventListener("change", () => this.invalidate());
    this.listeners = [];
    new ResizeObserver(() => this.resize()).observe(element);
    this.resize();
  }

  /** Asks for a new picture. */
  invalidate() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.isAsked = false;
    const { camera, radius } = this;
    const distance = camera.position.length(); // of the middle of the cloud
    camera.near = Math.max(distance - 1.05 * radius, radius / 500);
    camera.far = distance + 1.05 * radius;
    camera.updateProjectionMatrix();
    camera.updateMatrixWorld();
    const pixels = this.height * this.renderer.getPixelRatio();
    const scale = pixels / 2 / Math.tan((FIELD * Math.PI) / 360);
    this.cloud.prepare(camera, scale, this.background);
    this.shading.render(this.renderer, this.scene, camera, this.background);
    this.renderer.render(this.overlay, camera);
    for (const listener of this.listeners) listener();
  }

  resize() {
    this.width = Math.max(this.element.clientWidth, 1);
    this.height = Math.max(this.element.clientHeight, 1);
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, MOST_RATIO));
    this.renderer.setSize(this.width, this.height);
    this.camera.aspect = this.width / this.height;
    if (!this.wasMoved) this.look("start");
    this.draw();
  }

  /** Stands where the whole cloud is seen from a side. */
  look(name) {
    const [azimuth, elevation] = DIRECTIONS[name](this.isRoom).map((degrees) => (degrees * Math.PI) / 180);
    const around = azimuth + (this.isRoom ? this.opening.yaw : 0);
    const back = new Vector3(
      Math.cos(elevation) * Math.cos(around),
      Math.cos(elevation) * Math.sin(around),
      Math.sin(elevation),
    );
    const { target, distance } = this.framing(back);
    this.controls.target.copy(target);
    this.camera.position.copy(target).addScaledVector(back, distance);
    this.camera.lookAt(target);
    this.controls.update();
    this.invalidate();
  }

  /** From where on a line the box of the cloud just fits into the picture. */
  framing(back) {
    const right = new Vector3(0, 0, 1).cross(back).normalize();
    const up = back.clone().cross(right);
    const slope = Math.tan((FIELD * Math.PI) / 360);
    const top = Math.min(this.bounds.high[2], this.opening.top, this.opening.isOpen ? this.opening.ceiling : Infinity);
    const target = new Vector3(0, 0, (this.bounds.low[2] + top) / 2);
    let distance = 0;
    for (let corner = 0; corner < 8; corner++) {
      const [x, y, z] = [0, 1, 2].map((axis) => this.bounds[(corner >> axis) & 1 ? "high" : "low"][axis]);
      const place = new Vector3(x, y, Math.min(z, top)).sub(target);
      const wide = Math.abs(place.dot(right)) / (slope * this.camera.aspect);
      const tall = Math.abs(place.dot(up)) / slope;
      distance = Math.max(distance, place.dot(back) + Math.max(wide, tall));
    }
    return { target, distance: Math.max(distance, 1e-3) * 1.04 };
  }

  /** Turns and comes nearer by keys, in radians and as a factor. */
  turn(around, upwards) {
    this.wasMoved = true;
    const { camera, controls } = this;
    const arm = camera.position.clone().sub(controls.target);
    const flat = Math.hypot(arm.x, arm.y);
    const elevation = Math.atan2(arm.z, flat) + upwards;
    const limited = Math.max(-1.55, Math.min(1.55, elevation));
    const azimuth = Math.atan2(arm.y, arm.x) + around;
    arm.set(Math.cos(limited) * Math.cos(azimuth), Math.cos(limited) * Math.sin(azimuth), Math.sin(limited)).multiplyScalar(arm.length());
    camera.position.copy(controls.target).add(arm);
    controls.update();
    this.invalidate();
  }

  approach(factor) {
    this.wasMoved = true;
    const { camera, controls } = this;
    camera.position.sub(controls.target).multiplyScalar(factor).add(controls.target);
    controls.update();
    this.invalidate();
  }

  /** Makes a place the one around which the view turns. */
  focus(place) {
    this.wasMoved = true;
    const { camera, controls } = this;
    camera.position.add(place).sub(controls.target);
    controls.target.copy(place);
    controls.update();
    this.invalidate();
  }

  /** Where a place is on the canvas, in pixels of the page, and how far it lies ahead. */
  project(place) {
    const eye = place.clone().applyMatrix4(this.camera.matrixWorldInverse);
    const { x, y } = place.clone().project(this.camera);
    return { x: ((x + 1) / 2) * this.width, y: ((1 - y) / 2) * this.height, ahead: -eye.z };
  }
}

function boundsOf(xyz) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < xyz.length; i++) {
    low[i % 3] = Math.min(low[i % 3], xyz[i]);
    high[i % 3] = Math.max(high[i % 3], xyz[i]);
  }
  return { low, high };
}
