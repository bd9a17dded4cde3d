/** Whether the panel is visible: while it is not, nothing need be kept up to date. */

const LEAVING = 1000; // ms invisible until it counts: scrolling past is not leaving

/** Call `tell(visible)` when the element becomes visible or hidden; returns a function that stops this. */
export function watchVisibility(element, tell) {
  let inView = true;
  let leaving = 0;

  function look() {
    clearTimeout(leaving);
    if (inView && document.visibilityState === "visible") tell(true);
    else leaving = setTimeout(() => tell(false), LEAVING);
  }

  /** The page is closed or loaded anew, and there is no time to wait. */
  const leave = () => tell(false);

  const observer = new IntersectionObserver((entries) => {
    inView = entries[entries.length - 1].isIntersecting;
    look();
  });
  observer.observe(element);
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", leave);
  return () => {
    clearTimeout(leaving);
    observer.disconnect();
    document.removeEventListener("visibilitychange", look);
    removeEventListener("pagehide", leave);
  };
}
