// Makes PNG files without a library. Knows the file format, not what the pictures are for.

import { randomFillSync } from "node:crypto";
import * as zlib from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(checksum(body), body.length + 4);
  return out;
}

// zlib.crc32 came with Node 20.15 and 22.2.
function checksum(bytes) {
  if (zlib.crc32 !== undefined) return zlib.crc32(bytes);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function png(width, height, fillRow) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB, no interlacing
  const stride = 1 + width * 3;
  const raw = Buffer.alloc(stride * height); // every row begins with filter type 0
  for (let y = 0; y < height; y++) fillRow(raw.subarray(y * stride + 1, (y + 1) * stride), y);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", head),
    chunk("IDAT", zlib.deflateSync(raw, { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** The left half in one colour, the right half in another. */
export function halves(width, height, left, right) {
  return png(width, height, (row) => {
    for (let x = 0; x < width; x++) row.set(x < width / 2 ? left : right, x * 3);
  });
}

/** Noise: the picture that compresses worst. */
export function noise(width, height) {
  return png(width, height, (row) => randomFillSync(row));
}
