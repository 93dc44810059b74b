/**
 * The takes of a gallery: what the kernel sent of them, which fit the filters, and in which order.
 *
 * @typedef {object} GalleryTake
 * @property {string} key
 * @property {number} place    its place in what the kernel sent
 * @property {number} number   the number that is shown
 * @property {string} title
 * @property {string} song
 * @property {string} detail   short facts
 * @property {string} ending   why there is nothing to hear; "" where there is
 * @property {string} state
 * @property {string[]} badges
 * @property {number|null} seconds
 * @property {Uint8Array|null} peaks
 * @property {number|null} stars
 * @property {string} note
 * @property {Record<string, string>} levels   by factor
 * @property {Record<string, number>} values   by number, only those that were measured
 * @property {Record<string, string>} texts    the same as they are written
 */

/** @returns {GalleryTake[]} */
function takesOf(table, ratings) {
  const bytes = table.peaks && new Uint8Array(table.peaks.buffer, table.peaks.byteOffset, table.peaks.byteLength);
  let read = 0;
  return table.keys.map((key, place) => {
    const levels = {};
    for (const { name, levels: names, of } of table.factors) if (of[place] >= 0) levels[name] = names[of[place]];
    const values = {};
    const texts = {};
    for (const { name, values: all, texts: written } of table.numbers) {
      if (all[place] === null) continue;
      values[name] = all[place];
      texts[name] = written[place];
    }
    const peaks = table.has_peaks[place] ? bytes.subarray(read, (read += table.points)) : null;
    const [stars, note] = ratings[key] ?? [null, ""];
    return {
      key, place, levels, values, texts, peaks, stars, note,
      number: table.places[place],
      title: table.titles[place],
      song: table.songs[place],
      detail: table.details[place],
      ending: table.endings[place] ?? "",
      state: table.states[place],
      badges: table.badges[place] ?? [],
      seconds: table.seconds[place],
    };
  });
}

/** What can be searched of a take, in small letters. @param {GalleryTake} take */
function searched(take) {
  const levels = Object.values(take.levels);
  return [take.title, take.song, take.detail, take.note, take.ending, ...levels, ...take.badges]
    .join("\n")
    .toLocaleLowerCase();
}

/**
 * What the listener wants to see.
 *
 * @typedef {object} Wish
 * @property {string} words       each of them is somewhere in the take
 * @property {Record<string, string>} levels  by factor the level; "" for all
 * @property {string} state       "" for all
 * @property {string} stars       "" for all, "none", or the least number
 * @property {string} number      which number is bounded; "" for none
 * @property {number|null} least
 * @property {number|null} most
 * @property {string} by          what it is sorted by, see `valueOf`
 * @property {boolean} falling
 */

/** @returns {Wish} */
const everything = () => ({
  words: "", levels: {}, state: "", stars: "", number: "", least: null, most: null, by: "number", falling: false,
});

/** @param {GalleryTake} take @param {Wish} wish */
function fits(take, wish) {
  for (const [factor, level] of Object.entries(wish.levels)) {
    if (level && take.levels[factor] !== level) return false;
  }
  if (wish.state && take.state !== wish.state) return false;
  if (wish.stars === "none" ? take.stars : wish.stars && !((take.stars ?? 0) >= Number(wish.stars))) return false;
  if (wish.number && (wish.least !== null || wish.most !== null)) {
    const value = take.values[wish.number];
    if (value === undefined) return false;
    if ((wish.least !== null && value < wish.least) || (wish.most !== null && value > wish.most)) return false;
  }
  const text = wish.words ? searched(take) : "";
  return wish.words.toLocaleLowerCase().split(/\s+/).every((word) => text.includes(word));
}

const ALPHABET = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** What a take is sorted by: "number", "title", "seconds", "stars", "factor:NAME" or "value:NAME". */
function sortValue(take, by, table) {
  if (by.startsWith("value:")) return take.values[by.slice(6)];
  if (by.startsWith("factor:")) {
    const factor = table.factors.find(({ name }) => name === by.slice(7));
    return factor && factor.of[take.place] >= 0 ? factor.of[take.place] : undefined; // in the order of the plan
  }
  return take[by] ?? undefined;
}

/** The takes that fit, sorted; what has no value comes last, whichever way it goes. @param {Wish} wish */
function arranged(takes, wish, table) {
  const way = wish.falling ? -1 : 1;
  return takes
    .filter((take) => fits(take, wish))
    .map((take) => ({ take, value: sortValue(take, wish.by, table) }))
    .sort((one, other) => {
      if (one.value === undefined || other.value === undefined) {
        return Number(one.value === undefined) - Number(other.value === undefined);
      }
      const apart = typeof one.value === "string" ? ALPHABET.compare(one.value, other.value) : one.value - other.value;
      return way * apart || one.take.place - other.take.place;
    })
    .map(({ take }) => take);
}
