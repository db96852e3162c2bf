// Page-wide behaviour: keys for run (or start) and cancel, a drop target for saved pictures, light and dark.
() => {
  // The visible button of a kind: every tab that draws has one of its own.
  const click = (kind) => {
    const node = [...document.querySelectorAll(`.${kind}`)].find((one) => one.offsetParent);
    const button = node?.matches("button") ? node : node?.querySelector("button");
    if (button && !button.disabled) button.click();
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      // What is being typed reaches the form a moment after the key; a field that loses focus is up to date.
      document.activeElement?.blur?.();
      setTimeout(() => click("runs"), 60);
    }
    if (event.key === "Escape" && !document.querySelector(".drawer.open") && !event.target.closest?.("#jobs, #distill, #lab"))
      click("cancels");
  }, true);

  // A file dropped anywhere goes through the form's own upload field, hence through its checks and size limit.
  const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  const over = (on) => document.body.classList.toggle("dropping", on);
  document.addEventListener("dragenter", (event) => { if (hasFile(event)) { depth++; over(true); } });
  document.addEventListener("dragleave", (event) => { if (hasFile(event) && --depth <= 0) { depth = 0; over(false); } });
  document.addEventListener("dragover", (event) => { if (hasFile(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    event.stopPropagation();
    depth = 0;
    over(false);
    const input = document.querySelector(".controls input[type=file]");
    if (!input || !event.dataTransfer.files.length) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    input.files = one.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, true);

  let stored = null;
  try { stored = localStorage.getItem("studio:theme"); } catch { /* private mode */ }
  if (stored) document.body.classList.toggle("dark", stored === "dark");
  document.documentElement.dataset.page = "ready";
}
