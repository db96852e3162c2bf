// What the browser remembers between visits. In a private window it remembers nothing, which is no mistake.

/**
 * @param {string} name
 * @returns {string} "" where nothing was kept
 */
export function kept(name) {
  try {
    return localStorage.getItem(`studio:${name}`) ?? "";
  } catch {
    return "";
  }
}

/**
 * @param {string} name
 * @param {string} text "" forgets it
 */
export function keep(name, text) {
  try {
    if (text) localStorage.setItem(`studio:${name}`, text);
    else localStorage.removeItem(`studio:${name}`);
  } catch { /* a private window */ }
}
