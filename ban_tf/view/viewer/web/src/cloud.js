// The points: a colour and a state each, drawn as discs of a size in metres.
import { BufferAttribute, BufferGeometry, Points, ShaderMaterial, Sphere, Vector2, Vector3, Vector4 } from "three";

export const SHOWN = 255;
export const DIM = 128;
export const HIDDEN = 0;
export const LEAST_PIXELS = 1.5;
const MOST_PIXELS = 48;
const FAR = 1e9; // in place of infinity, which shaders need not know

const VERTEX = `
  attribute vec4 paint;
  uniform float size, scale, height, ground;
  uniform vec2 center, turn;
  uniform vec4 limits;
  uniform vec3 background;
  varying vec3 color;

  bool isLeftOut(vec3 place) {
    if (place.z > height) return true;
    if (place.z < ground) return false;
    vec2 d = place.xy - center;
    vec2 side = vec2(d.x * turn.x + d.y * turn.y, d.y * turn.x - d.x * turn.y);
    return any(greaterThan(vec4(side.x, -side.x, side.y, -side.y), limits));
  }

  void main() {
    vec4 eye = modelViewMatrix * vec4(position, 1.0);
    gl_Position = projectionMatrix * eye;
    gl_PointSize = clamp(size * scale / -eye.z, ${LEAST_PIXELS.toFixed(1)}, ${MOST_PIXELS.toFixed(1)});
    if (paint.a == 0.0 || isLeftOut(position)) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    float dim = paint.a > 0.75 ? 0.0 : 0.8;
    color = mix(paint.rgb, background, dim);
  }`;

const FRAGMENT = `
  varying vec3 color;
  void main() {
    vec2 place = gl_PointCoord - 0.5;
    if (dot(place, place) > 0.27) discard;
    gl_FragColor = vec4(color, 1.0);
  }`;

export class Cloud {
  constructor(scene, opening) {
    this.opening = opening;
    this.paint = new Uint8Array(4 * scene.count);
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new BufferAttribute(scene.xyz, 3));
    geometry.setAttribute("paint", new BufferAttribute(this.paint, 4, true));
    geometry.boundingSphere = new Sphere(new Vector3(), Infinity); // always drawn
    this.uniforms = {
      size: { value: 0.01 },
      scale: { value: 1 },
      height: { value: FAR },
      ground: { value: opening.floor },
      center: { value: new Vector2(...opening.center) },
      turn: { value: new Vector2(...opening.turn) },
      limits: { value: new Vector4() },
      background: { value: new Vector3() },
    };
    const { uniforms } = this;
    const material = new ShaderMaterial({ uniforms, vertexShader: VERTEX, fragmentShader: FRAGMENT });
    this.points = new Points(geometry, material);
  }

  /** Takes over what was written into `paint`: red, green, blue and SHOWN, DIM or HIDDEN. */
  repaint() {
    this.points.geometry.attributes.paint.needsUpdate = true;
  }

  /** Before each picture: `scale` is how many pixels a metre has at a distance of one. */
  prepare(camera, scale, background) {
    this.opening.look(camera.position);
    const { uniforms, opening } = this;
    uniforms.scale.value = scale;
    uniforms.height.value = Math.min(opening.height, FAR);
    uniforms.limits.value.set(...opening.limits.map((value) => Math.min(value, FAR)));
    uniforms.background.value.set(...background.map((value) => value / 255));
  }

  isVisible(point) {
    const { array } = this.points.geometry.attributes.position;
    const at = 3 * point;
    return this.paint[4 * point + 3] !== HIDDEN && !this.opening.hides(array[at], array[at + 1], array[at + 2]);
  }
}
