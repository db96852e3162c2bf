// Pictures of steps, ready to be drawn. A strip comes as one JPEG with all seeds side by side; it is decoded once and laid out
// as its row stands on the page (in lines of `columns`, with gaps and round corners), so that showing a step is one copy of one
// bitmap. Bitmaps live outside the script's memory, so there is a budget: beyond it they are kept smaller. The JPEGs are kept as
// well, for when the page is given another width. `load(path)` gives a Blob. Put before scrub.js.

const BUDGET_BYTES = 320 << 20;
const AT_ONCE = 6; // requests; browsers allow no more to one host

// Where a picture of a laid out strip lies: side, gap and columns in pixels of the bitmap.
const cellX = (form, k) => (k % form.columns) * (form.side + form.gap);
const cellY = (form, k) => Math.floor(k / form.columns) * (form.side + form.gap);

function laidOut(strip, form, seeds) {
  const lines = Math.ceil(seeds / form.columns), { side, gap, columns } = form, from = strip.height;
  const canvas = new OffscreenCanvas(columns * (side + gap) - gap, lines * (side + gap) - gap), ctx = canvas.getContext("2d");
  const round = new Path2D();
  for (let k = 0; k < seeds; k++) round.roundRect(cellX(form, k), cellY(form, k), side, side, side / 16);
  ctx.clip(round);
  for (let k = 0; k < seeds; k++) ctx.drawImage(strip, k * from, 0, from, from, cellX(form, k), cellY(form, k), side, side);
  return canvas.transferToImageBitmap();
}

function stripStore(load, arrived) {
  let bitmaps = new Map(), blobs = new Map(), waiting = [], busy = 0, expected = 1, seeds = 1, columns = 1, form = null, age = 0;

  // The side of a picture follows from the first strip: all of a run are alike.
  function formOf(strip) {
    const most = Math.sqrt(BUDGET_BYTES / (4 * expected * seeds));
    const side = Math.max(16, Math.floor(Math.min(strip.height, most)));
    return { side, gap: Math.max(1, Math.round(side / 16)), columns };
  }

  async function next() {
    if (busy >= AT_ONCE || !waiting.length) return;
    const path = waiting.shift(), mine = age;
    busy++;
    try {
      const blob = blobs.get(path) ?? (await load(path)), strip = await createImageBitmap(blob);
      if (mine === age) {
        form ??= formOf(strip);
        blobs.set(path, blob);
        bitmaps.set(path, laidOut(strip, form, seeds));
        arrived(path);
      }
      strip.close();
    } catch {
      if (mine === age) asked.delete(path); // asked for again with the next look at the run
    }
    busy--;
    next();
  }
  const asked = new Set();
  const forget = () => {
    age++;
    for (const bitmap of bitmaps.values()) bitmap.close();
    bitmaps = new Map();
    asked.clear();
    waiting = []; form = null;
  };

  return {
    get: (path) => bitmaps.get(path),
    get count() { return bitmaps.size; },
    get form() { return form; },
    // Paths in the order they are wanted; those known are passed over.
    want(paths, total) {
      expected = Math.max(expected, total);
      for (const path of paths) if (path && !asked.has(path)) { asked.add(path); waiting.push(path); }
      for (let k = 0; k < AT_ONCE; k++) next();
    },
    // Strips of so many seeds, in lines of so many; true when what was there has to be laid out anew.
    arrange(count, per) {
      if (count === seeds && per === columns) return false;
      [seeds, columns] = [count, per];
      forget();
      return true;
    },
    clear() { forget(); blobs = new Map(); expected = 1; },
  };
}

// Every step once: the last of each row, the first, then what halves the gaps (as the worker makes them).
function coarseToFine(lengths) {
  const ranked = [];
  lengths.forEach((n, row) => {
    const depth = new Map();
    if (n) depth.set(n - 1, 0);
    if (n > 1) depth.set(0, 1);
    let gaps = [[0, n - 1]];
    for (let rank = 2; gaps.length; rank++) {
      const halves = [];
      for (const [low, high] of gaps) {
        if (high - low < 2) continue;
        const middle = (low + high) >> 1;
        depth.set(middle, rank);
        halves.push([low, middle], [middle, high]);
      }
      gaps = halves;
    }
    for (const [index, rank] of depth) ranked.push([rank, row, index]);
  });
  return ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]).map(([, row, index]) => [row, index]);
}
