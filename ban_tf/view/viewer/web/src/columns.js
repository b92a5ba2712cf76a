// The inverse of ban_tf/view/viewer/columns.py.

const KINDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/** Bytes of zlib in base64, unpacked by the browser. */
export async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Typed arrays by name, row by row. */
export function readColumns(bytes, described) {
  const columns = {};
  let offset = 0;
  for (const column of described) {
    const { name, width, rows, components } = column;
    const values = new KINDS[width](rows * components);
    for (let component = 0; component < components; component++) {
      readComponent(bytes, offset, values, component, column);
      offset += rows * width;
    }
    columns[name] = values;
  }
  if (offset !== bytes.length) throw new Error("The points of this page are damaged.");
  return columns;
}

function readComponent(bytes, offset, values, component, { width, rows, components, is_delta }) {
  let before = 0;
  for (let row = 0; row < rows; row++) {
    let value = 0;
    for (let plane = width - 1; plane >= 0; plane--) {
      value = value * 256 + bytes[offset + plane * rows + row];
    }
    if (is_delta) {
      value = before + (value % 2 ? -(value + 1) / 2 : value / 2); // unfolded
      before = value;
    }
    values[row * components + component] = value; // wraps around, as the array does
  }
}
