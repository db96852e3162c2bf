// The small modules that the page begins with, given to the browser as one script. `studio/ui/kit/bundle.py` writes it: this
// file without its exports, and a call of `carry`.

const PAGE = "\0"; // in texts: the address of the page

/**
 * An import map: under the address of every module its text as a data address.
 * @param {Record<string, string>} texts by names below the address of the page
 * @param {string} page its address, "…/"
 */
export function mapped(texts, page) {
  /** @type {Record<string, string>} */
  const imports = {};
  for (const [name, text] of Object.entries(texts)) {
    const named = `${text.replaceAll(PAGE, page)}\n//# sourceURL=${page}${name}`;
    imports[page + name] = `data:text/javascript,${encodeURIComponent(named)}`;
  }
  return { imports };
}

/**
 * Before the page asks for any module.
 * @param {Record<string, string>} texts
 * @param {string[]} files that Gradio's modules need not ask for, by names beside theirs
 */
export function carry(texts, files) {
  Object.assign(globalThis, { bundled: new Set(files) });
  const map = Object.assign(document.createElement("script"), { type: "importmap" });
  map.textContent = JSON.stringify(mapped(texts, new URL("./", document.baseURI).href));
  document.head.append(map);
}
