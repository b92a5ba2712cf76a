// Shades a picture by its depths, so that shapes show without normals: eye-dome lighting, after
// C. Boucheny, "Interactive scientific visualization of large datasets", 2009.
import {
  DepthTexture,
  Mesh,
  OrthographicCamera,
  PlaneGeometry,
  ShaderMaterial,
  Vector2,
  Vector3,
  WebGLRenderTarget,
} from "three";

const VERTEX = `
  varying vec2 place;
  void main() { place = uv; gl_Position = vec4(position.xy, 0.0, 1.0); }`;

const FRAGMENT = `
  uniform sampler2D colors, depths;
  uniform vec2 pixel;
  uniform float near, far, strength;
  uniform vec3 background;
  varying vec2 place;

  float logDistance(vec2 at) {
    float depth = texture2D(depths, at).x;
    return log2(near * far / (far - depth * (far - near)));
  }

  void main() {
    if (texture2D(depths, place).x == 1.0) {
      gl_FragColor = vec4(background, 1.0);
      return;
    }
    float own = logDistance(place);
    float nearer = 0.0;
    for (int i = 0; i < 8; i++) {
      float angle = 0.7853982 * float(i);
      nearer += max(0.0, own - logDistance(place + pixel * vec2(cos(angle), sin(angle))));
    }
    float light = exp(-strength * nearer / 8.0);
    gl_FragColor = vec4(texture2D(colors, place).rgb * max(light, 0.35), 1.0);
  }`;

const STRENGTH = 28;
const REACH = 1.4; // how far the neighbours of a pixel lie, in pixels of the page

export class Shading {
  constructor() {
    this.isOn = true;
    this.target = new WebGLRenderTarget(1, 1, { depthTexture: new DepthTexture(1, 1) });
    this.uniforms = {
      colors: { value: this.target.texture },
      depths: { value: this.target.depthTexture },
      pixel: { value: new Vector2() },
      near: { value: 1 },
      far: { value: 2 },
      strength: { value: 0 },
      background: { value: new Vector3() },
    };
    const { uniforms } = this;
    const material = new ShaderMaterial({ uniforms, vertexShader: VERTEX, fragmentShader: FRAGMENT });
    this.quad = new Mesh(new PlaneGeometry(2, 2), material);
    this.quad.frustumCulled = false;
    this.flat = new OrthographicCamera();
  }

  render(renderer, scene, camera, background) {
    const size = renderer.getDrawingBufferSize(new Vector2());
    if (!size.equals(new Vector2(this.target.width, this.target.height))) {
      this.target.setSize(size.x, size.y);
    }
    const { uniforms } = this;
    const reach = REACH * renderer.getPixelRatio();
    uniforms.pixel.value.set(reach / size.x, reach / size.y);
    uniforms.near.value = camera.near;
    uniforms.far.value = camera.far;
    uniforms.strength.value = this.isOn ? STRENGTH : 0;
    uniforms.background.value.set(...background.map((value) => value / 255));
    renderer.setRenderTarget(this.target);
    renderer.clear();
    renderer.render(scene, camera);
    renderer.setRenderTarget(null);
    renderer.render(this.quad, this.flat);
  }
}
