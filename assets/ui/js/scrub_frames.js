// Pictures of steps, decoded once. A strip is one image with all seeds side by side; `strips.get(path)` gives its bitmap as
// soon as it is there. Bitmaps live outside the script's memory, so there is a budget: beyond it they are decoded smaller.
// `load(path)` gives a Blob. Put before scrub.js.

const BUDGET_BYTES = 320 << 20;
const AT_ONCE = 6; // requests; browsers allow no more to one host

function stripStore(load, arrived) {
  let bitmaps = new Map(), waiting = [], busy = 0, expected = 0, scale = 0, age = 0;
  const wanted = new Set();

  async function decode(blob) {
    if (!scale) { // from the first one: all strips of a run are alike
      const first = await createImageBitmap(blob);
      scale = Math.min(1, Math.sqrt(BUDGET_BYTES / (first.width * first.height * 4 * Math.max(1, expected))));
      if (scale === 1) return first;
      const size = { resizeWidth: Math.max(1, Math.round(first.width * scale)), resizeHeight: Math.max(1, Math.round(first.height * scale)) };
      first.close();
      return createImageBitmap(blob, { ...size, resizeQuality: "high" });
    }
    if (scale === 1) return createImageBitmap(blob);
    const whole = await createImageBitmap(blob);
    const size = { resizeWidth: Math.max(1, Math.round(whole.width * scale)), resizeHeight: Math.max(1, Math.round(whole.height * scale)) };
    const small = await createImageBitmap(whole, { ...size, resizeQuality: "high" });
    whole.close();
    return small;
  }

  async function next() {
    if (busy >= AT_ONCE || !waiting.length) return;
    const path = waiting.shift(), mine = age;
    busy++;
    try {
      const bitmap = await decode(await load(path));
      if (mine !== age) bitmap.close();
      else { bitmaps.set(path, bitmap); arrived(path); }
    } catch {
      if (mine === age) wanted.delete(path); // asked for again with the next look at the run
    }
    busy--;
    next();
  }

  return {
    get: (path) => bitmaps.get(path),
    get count() { return bitmaps.size; },
    // Paths in the order they are wanted; those known are passed over.
    want(paths, total) {
      expected = Math.max(expected, total);
      for (const path of paths) if (path && !wanted.has(path)) { wanted.add(path); waiting.push(path); }
      for (let k = 0; k < AT_ONCE; k++) next();
    },
    clear() {
      age++;
      for (const bitmap of bitmaps.values()) bitmap.close();
      bitmaps = new Map();
      wanted.clear();
      waiting = []; expected = 0; scale = 0;
    },
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
