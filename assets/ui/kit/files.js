// Files that the page hands to the browser.
import { make } from "./dom.js";

/**
 * A name that every file system takes.
 * @param {string} text
 */
export const fileName = (text) => text.replace(/[^\w.-]+/g, "-").replace(/^[-.]+|-+$/g, "").slice(0, 120);

/**
 * Hands a file to the browser's downloads.
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const href = URL.createObjectURL(blob);
  Object.assign(make("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
