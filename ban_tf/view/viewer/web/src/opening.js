// Takes off what hides the inside of a room: the ceiling seen from above, walls seen from outside.

const THICK = 0.3; // metres of a wall and what hangs on it
const FLOOR = 0.12; // metres above the floor that always stay

/** Tells the shader, and whoever picks points, what is left out. */
export class Opening {
  constructor(scene) {
    const { opening, origin } = scene.about;
    const shift = (axis) => origin[axis] + scene.middle[axis];
    this.top = Infinity; // what the height slider leaves
    this.isOpen = Boolean(opening && (opening.ceiling !== null || opening.walls.some(Boolean)));
    this.hasInside = this.isOpen;
    const box = opening ?? { center: [0, 0], yaw: 0, size: [0, 0], low: 0, ceiling: null, walls: [] };
    this.center = [box.center[0] - shift(0), box.center[1] - shift(1)];
    this.turn = [Math.cos(box.yaw), Math.sin(box.yaw)];
    this.yaw = box.yaw;
    this.half = box.size.map((value) => value / 2);
    this.floor = box.low - shift(2) + FLOOR;
    this.ceiling = box.ceiling === null ? Infinity : box.ceiling - shift(2);
    this.walls = box.walls;
    this.limits = [Infinity, Infinity, Infinity, Infinity]; // beyond these, of the sides, nothing
    this.height = Infinity; // and nothing above this
  }

  /** Adapts to where the camera stands. */
  look({ x, y, z }) {
    const [along, across] = this.local(x, y);
    const beyond = [along, -along, across, -across];
    const half = [this.half[0], this.half[0], this.half[1], this.half[1]];
    this.limits = half.map((value, side) =>
      this.isOpen && this.walls[side] && beyond[side] > value ? value - THICK : Infinity,
    );
    this.height = this.isOpen && z > this.ceiling ? Math.min(this.ceiling, this.top) : this.top;
  }

  local(x, y) {
    const [dx, dy] = [x - this.center[0], y - this.center[1]];
    return [dx * this.turn[0] + dy * this.turn[1], dy * this.turn[0] - dx * this.turn[1]];
  }

  /** Whether a place is left out; the shader of cloud.js does the same. */
  hides(x, y, z) {
    if (z > this.height) return true;
    if (z < this.floor) return false;
    const [along, across] = this.local(x, y);
    const [far, near, left, right] = this.limits;
    return along > far || -along > near || across > left || -across > right;
  }
}
