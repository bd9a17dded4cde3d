/** The clipboard, with a fallback for pages that the browser gives no clipboard object. */

/** Copy text to the clipboard. Throws if the browser refuses. */
export async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyByCommand(text); // a page not served over HTTPS has no clipboard object, and some browsers require a click
  }
}

function copyByCommand(text) {
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (before) before.focus({ preventScroll: true });
  if (!done) throw new Error("the browser does not let this page copy: use download");
}
