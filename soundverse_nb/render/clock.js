/**
 * Times of a song in a page's script, written as units.py writes them.
 *
 * Joined in front of the page's script and of the player's, so its names are those of neither.
 */

/** A length or a place in a song, cut to seconds: "0:31", "1:02:03". @param {number} seconds */
function clock(seconds) {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.floor(Math.round(Math.max(0, seconds) * 1000) / 1000); // 30.99998 s are 31 s
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** The same with tenths, for places that are set by hand: "0:03.6". @param {number} seconds */
function fineClock(seconds) {
  const tenths = Math.floor(Math.round(Math.max(0, seconds) * 1000) / 100);
  return `${clock(tenths / 10)}.${tenths % 10}`;
}
