/** Facts about one batch: its title, how long it has run, whether it can be killed. Pure. */

export const ENDED = "it has ended already";

/** Return the batch's title: its name with its id. */
export function title(batch) {
  return batch.name ? `${batch.name} (${batch.id})` : `batch ${batch.id}`;
}

/** Return how long a batch has run, in seconds, or null if that is not known. `now`: the kernel's clock, in seconds. */
export function elapsed(store, batch, now) {
  if (batch.start === null) return null;
  if (batch.end !== null) return Math.max(0, batch.end - batch.start);
  return store.toneOf(batch) === "open" ? Math.max(0, now - batch.start) : null;
}

/** Return how long a batch has run as "02:10", "1:02:10" or "3 d 02:10:00"; after a ">" if its start is not known. */
export function elapsedText(store, batch, now) {
  const seconds = elapsed(store, batch, now);
  if (seconds === null) return "";
  return (batch.exact ? "" : "> ") + duration(seconds);
}

/** Return seconds as "02:10", "1:02:10" or "3 d 02:10:00". */
export function duration(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [days, hours, minutes] = [
    Math.floor(whole / 86400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (days) return `${days} d ${two(hours)}:${two(minutes)}:${two(whole % 60)}`;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${two(minutes)}:${two(whole % 60)}`;
}

/** Return why a batch cannot be killed, or "" if it can. */
export function unkillable(store, batch) {
  const tone = batch && store.toneOf(batch);
  if (tone === "open") return "";
  if (tone !== "lost") return ENDED;
  return batch.known ? "its outcome is not known" : "Livy has forgotten it";
}
