// The picture as a file: what the canvas shows, and the measured length on it.

export function pictureOf(viewer) {
  const { stage } = viewer;
  stage.draw(); // what was drawn before may be gone from the canvas
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [stage.canvas.width, stage.canvas.height];
  const pen = canvas.getContext("2d");
  pen.drawImage(stage.canvas, 0, 0);
  const label = document.getElementById("length");
  if (!label.hidden) {
    const ratio = stage.renderer.getPixelRatio();
    pen.font = `600 ${13 * ratio}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.fillStyle = "#ff3b30";
    pen.fillText(label.textContent, parseFloat(label.style.left) * ratio, (parseFloat(label.style.top) - 8) * ratio);
  }
  return canvas;
}

export function savePicture(viewer) {
  pictureOf(viewer).toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${viewer.scene.about.name}_${viewer.state.mode.id}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}
