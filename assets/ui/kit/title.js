// The title of the document: what a tab says of its run, and before it what happened while nobody looked.

const NAME = "Distillation Studio";
let own = "", news = "";

const write = () => void (document.title = [news, own, NAME].filter(Boolean).join(" · "));

/** @param {string} text how far the run in front is; "" for nothing */
export function titled(text) {
  own = text;
  write();
}

/** @param {string} text what happened; "" once it was seen */
export function titledNews(text) {
  news = text;
  write();
}
