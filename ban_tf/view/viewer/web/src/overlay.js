// What is drawn over the points: the box of an instance, marks of points, a measured line.
import {
  BufferAttribute,
  BufferGeometry,
  LineBasicMaterial,
  LineSegments,
  Points,
  PointsMaterial,
  Vector3,
} from "three";

const ACCENT = 0x3b82f6;
const MARK = 0xff3b30;
const EDGES = [0, 1, 2, 3, 4, 5, 6, 7, 0, 2, 1, 3, 4, 6, 5, 7, 0, 4, 1, 5, 2, 6, 3, 7];

function always(material) {
  material.depthTest = false;
  material.transparent = true;
  return material;
}

export class Overlay {
  constructor(stage, scene) {
    this.stage = stage;
    this.scene = scene;
    this.box = new LineSegments(new BufferGeometry(), always(new LineBasicMaterial({ color: ACCENT })));
    this.line = new LineSegments(new BufferGeometry(), always(new LineBasicMaterial({ color: MARK })));
    this.marks = new Points(
      new BufferGeometry(),
      always(new PointsMaterial({ color: MARK, size: 9 * stage.renderer.getPixelRatio(), sizeAttenuation: false })),
    );
    for (const part of [this.box, this.line, this.marks]) {
      part.frustumCulled = false;
      part.visible = false;
      stage.overlay.add(part);
    }
  }

  /** The upright box of an instance, or none. */
  showBox(instance) {
    if (!instance) return this.fill(this.box, []);
    const { origin } = this.scene.about;
    const middle = instance.center.map((value, axis) => value - origin[axis] - this.scene.middle[axis]);
    const [cos, sin] = [Math.cos(instance.yaw), Math.sin(instance.yaw)];
    const corners = [...Array(8).keys()].map((corner) => {
      const [x, y, z] = instance.size.map((side, axis) => ((corner >> axis) & 1 ? side : -side) / 2);
      return [middle[0] + x * cos - y * sin, middle[1] + x * sin + y * cos, middle[2] + z];
    });
    this.fill(this.box, EDGES.flatMap((corner) => corners[corner]));
  }

  showMarks(points) {
    this.fill(this.marks, points.flatMap((point) => this.place(point).toArray()));
  }

  showLine(points) {
    this.fill(this.line, points.length === 2 ? points.flatMap((point) => this.place(point).toArray()) : []);
  }

  place(point) {
    return new Vector3().fromArray(this.scene.xyz, 3 * point);
  }

  fill(part, numbers) {
    part.geometry.setAttribute("position", new BufferAttribute(new Float32Array(numbers), 3));
    part.visible = numbers.length > 0;
    this.stage.invalidate();
  }
}

/** Length, and its level and upright parts, of the way between two places. */
export function measured(from, to) {
  const way = to.clone().sub(from);
  return { length: way.length(), level: Math.hypot(way.x, way.y), upright: Math.abs(way.z) };
}
