// A wall of pictures as one picture: rows with a name and figures, columns with a head, drawn in the colours of the page.
import { css } from "./figure.js";

/** @typedef {{ address: string, note: string } | null} Cell */
/** @typedef {{ title: string, notes: string[], tone: string, cells: Cell[] }} Row tone: of the arm */
/** @typedef {{ title: string, heads: string[], rows: Row[] }} Sheet */

const LABEL = 190, GAP = 8, EDGE = 20, HEAD = 58, LEAST = 112, MOST = 512;
const MOST_PX = 12_000; // of a side; browsers draw no canvas much longer

/**
 * Places and size of a sheet whose pictures are so large, in pixels. No page needed.
 * @param {number} columns
 * @param {number} rows
 * @param {number} natural side of the largest picture
 */
export function laidOut(columns, rows, natural) {
  const most = Math.min((MOST_PX - LABEL - 2 * EDGE) / columns, (MOST_PX - HEAD - 2 * EDGE) / rows) - GAP;
  const cell = Math.floor(Math.min(Math.max(natural, LEAST), MOST, Math.max(8, most)));
  /** @param {number} column */
  const x = (column) => EDGE + LABEL + column * (cell + GAP);
  /** @param {number} row */
  const y = (row) => EDGE + HEAD + row * (cell + GAP);
  return { cell, x, y, width: x(columns) - GAP + EDGE, height: y(rows) - GAP + EDGE };
}

/**
 * @param {string} address
 * @returns {Promise<HTMLImageElement | null>} null where it cannot be loaded
 */
function loaded(address) {
  const image = Object.assign(new Image(), { src: address });
  return image.decode().then(() => image, () => null);
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {HTMLImageElement} image
 * @param {number} left
 * @param {number} top
 * @param {number} side
 */
function fit(pen, image, left, top, side) {
  const scale = side / Math.max(image.naturalWidth, image.naturalHeight);
  const width = image.naturalWidth * scale, height = image.naturalHeight * scale;
  pen.drawImage(image, left + (side - width) / 2, top + (side - height) / 2, width, height);
}

/**
 * @param {Sheet} sheet
 * @param {Element} element whose colours and fonts it takes
 * @returns {Promise<Blob | null>} a PNG
 */
export async function pictureOf(sheet, element) {
  const images = await Promise.all(sheet.rows.map((row) =>
    Promise.all(row.cells.map((cell) => (cell ? loaded(cell.address) : null)))));
  const natural = Math.max(0, ...images.flat().map((image) => Math.max(image?.naturalWidth ?? 0, image?.naturalHeight ?? 0)));
  if (!natural) return null;
  const place = laidOut(sheet.heads.length, sheet.rows.length, natural), canvas = document.createElement("canvas");
  Object.assign(canvas, { width: place.width, height: place.height });
  const pen = canvas.getContext("2d");
  if (!pen) return null;
  /** @param {string} name */
  const value = (name) => css(element, name);
  /**
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {string} font
   * @param {string} ink
   * @param {number} [most] pixels it is squeezed into
   */
  const write = (text, x, y, font, ink, most) => {
    Object.assign(pen, { font: `${font} ${value("--font") || "sans-serif"}`, fillStyle: value(ink) });
    pen.fillText(text, x, y, most);
  };
  pen.fillStyle = value("--paper");
  pen.fillRect(0, 0, place.width, place.height);
  write(sheet.title, EDGE, EDGE + 16, "640 17px", "--ink", place.width - 2 * EDGE);
  sheet.heads.forEach((head, i) => write(head, place.x(i) + 2, place.y(0) - 8, "500 12px", "--ink-2", place.cell));
  sheet.rows.forEach((row, r) => {
    const top = place.y(r), lines = row.notes.slice(0, Math.max(0, Math.floor(place.cell / 17) - 2));
    pen.fillStyle = value(`--arm-${row.tone}`);
    pen.fillRect(EDGE, top, 4, place.cell);
    write(row.title, EDGE + 14, top + 18, "640 14px", "--ink", LABEL - 24);
    lines.forEach((line, i) => write(line, EDGE + 14, top + 38 + 17 * i, "400 12px", "--ink-2", LABEL - 24));
    row.cells.forEach((cell, i) => {
      const image = images[r][i];
      pen.fillStyle = value("--sunken");
      pen.fillRect(place.x(i), top, place.cell, place.cell);
      if (image) fit(pen, image, place.x(i), top, place.cell);
      if (!cell?.note) return;
      pen.font = `600 12px ${value("--font")}`;
      const wide = Math.min(pen.measureText(cell.note).width + 10, place.cell - 8);
      pen.fillStyle = "rgba(20, 18, 14, .62)";
      pen.fillRect(place.x(i) + place.cell - wide - 4, top + place.cell - 23, wide, 19);
      pen.fillStyle = "#fff";
      pen.fillText(cell.note, place.x(i) + place.cell - wide + 1, top + place.cell - 9, wide - 10);
    });
  });
  return new Promise((made) => canvas.toBlob(made, "image/png"));
}
