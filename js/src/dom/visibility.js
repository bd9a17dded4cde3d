/** The panel's visibility: a hidden panel need not be kept current. */

const LEAVING = 1000; // ms out of sight after which the panel counts as hidden, so that scrolling past does not

/** Call `tell(visible)` when the element becomes visible or hidden; return a function that stops this. */
export function watchVisibility(element, tell) {
  let inView = true;
  let leaving = 0;

  function look() {
    clearTimeout(leaving);
    if (inView && document.visibilityState === "visible") tell(true);
    else leaving = setTimeout(() => tell(false), LEAVING);
  }

  /** Do not wait when the page is closed or reloaded: there is no time. */
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
