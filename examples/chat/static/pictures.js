// Makes a picture small enough for one packet. It knows sizes and file types, not who gets the picture.

// The server's limit for one packet is 1 MB; base64 over long-polling adds a third to 700 kB.
export const MAX_BYTES = 700_000;
export const TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"];

// Longest edge in pixels and JPEG quality, tried in this order until the picture fits.
const STEPS = [[2048, 0.85], [1600, 0.8], [1280, 0.75], [1024, 0.65], [800, 0.6]];

export function kilobytes(bytes) {
  return `${Math.max(1, Math.round(bytes / 1000)).toLocaleString("en")} kB`;
}

/** Returns `{blob, width, height, from}`; throws an Error whose message can be shown. */
export async function prepare(file) {
  if (!TYPES.includes(file.type)) {
    throw new Error("Pictures can be JPEG, PNG, WebP or GIF.");
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch (cause) {
    throw new Error(`“${file.name}” cannot be read as a picture.`, { cause });
  }
  try {
    const { width, height } = bitmap;
    if (file.size <= MAX_BYTES && Math.max(width, height) <= STEPS[0][0]) {
      return { blob: file, width, height, from: file.size };
    }
    if (file.type === "image/gif") {
      throw new Error(`This GIF has ${kilobytes(file.size)}; the limit is ${kilobytes(MAX_BYTES)} and 2048 pixels.`);
    }
    for (const [edge, quality] of STEPS) {
      const small = await redraw(bitmap, edge, quality);
      if (small.blob.size <= MAX_BYTES) {
        return { ...small, from: file.size };
      }
    }
  } finally {
    bitmap.close();
  }
  throw new Error(`This picture is too large, even made smaller; the limit is ${kilobytes(MAX_BYTES)}.`);
}

async function redraw(bitmap, edge, quality) {
  const scale = Math.min(1, edge / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG knows no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
  if (blob === null) {
    throw new Error("The browser could not make this picture smaller.");
  }
  return { blob, width: canvas.width, height: canvas.height };
}
