/**
 * One row of the gallery: its controls, its waveform, its numbers.
 */

const MOST_STARS = 5;
const BAR = 3; // page pixels of a bar of the waveform, the last of them empty

/** @typedef {{row: HTMLElement, canvas: HTMLCanvasElement|null, take: import("./gallery_takes.js").GalleryTake}} Row */

/** A cell of a row. */
const cell = (kind, children, attributes = {}) =>
  element("div", { role: "gridcell", class: `svt-cell svt-${kind}`, ...attributes }, children);

/** The control of a row that Tab reaches when the row is the current one. */
const control = (text, kind, label, attributes = {}) =>
  button(text, `svt-control ${kind}`, { "aria-label": label, title: label, tabindex: "-1", ...attributes });

/**
 * @param {{take: GalleryTake, index: number, numbers: {name: string, label: string}[], isSelected: boolean, said: Set<string>}} what
 *   `said` is what is said of all takes above the rows
 */
function makeRow({ take, index, numbers, isSelected, said }) {
  const name = `take ${take.number}`;
  const audible = !take.ending;
  const mark = element("input", { type: "checkbox", class: "svt-control", tabindex: "-1", "aria-label": `Select ${name}` });
  mark.checked = isSelected;
  mark.disabled = !audible;
  const canvas = audible ? element("canvas", { "aria-hidden": "true" }) : null;
  const stars = Array.from({ length: MOST_STARS }, (_, at) =>
    control("", "svt-star", `${at + 1} ${at ? "stars" : "star"}`, { "data-stars": String(at + 1) }),
  );
  const note = element("input", {
    type: "text", class: "svt-control svt-note-field", tabindex: "-1", maxlength: "2000", placeholder: "Note",
    "aria-label": `Note on ${name}`,
  });
  note.value = take.note;
  const row = element(
    "div",
    {
      role: "row", class: "svt-row", tabindex: "-1", "data-key": take.key,
      "aria-rowindex": String(index + 2), "aria-selected": String(isSelected),
    },
    [
      cell("mark", [mark]),
      cell("number", [String(take.number)]),
      cell("play", audible ? [control("▶", "svt-toggle", `Play ${name}`)] : []),
      cell("wave", canvas ? [canvas] : []),
      cell("what", [
        element("b", { title: take.title }, [take.title.replaceAll("· ", "·\u00a0")]), // a number is not left alone
        audible ? facts(take, said) : element("div", { class: "svt-ending", title: take.ending }, [take.ending]),
      ]),
      element("div", { class: "svt-numbers" }, numbers.map((number) => numberCell(take, number))),
      cell("stars", [element("div", { role: "group", "aria-label": `Stars of ${name}` }, stars)]),
      cell("note", [note]),
    ],
  );
  showStars(row, take.stars);
  return { row, canvas, take };
}

function facts(take, said) {
  const length = take.seconds === null ? "" : clock(take.seconds);
  const words = [take.song, length, take.detail].filter((part) => part && !said.has(part)).join(" · ");
  const labels = take.badges.filter((label) => !said.has(label));
  const title = [words, ...take.badges].join(" · ");
  return element("div", { class: "svt-facts", title }, [...labels.map(badge), words]);
}

/** @param {string} label */
const badge = (label) => element("span", { class: "svt-badge" }, [label]);

/** What is true of every take that can be heard, of several: it is said once, above the rows. */
function saidOnce(takes) {
  const heard = takes.filter(({ ending }) => !ending);
  if (heard.length < 2) return { badges: [], song: "", said: new Set() };
  const badges = heard[0].badges.filter((label) => heard.every((take) => take.badges.includes(label)));
  const song = takes.every((take) => take.song === takes[0].song) ? takes[0].song : "";
  return { badges, song, said: new Set([...badges, ...(song ? [song] : [])]) };
}

function numberCell(take, { name, label }) {
  return cell("value", [
    element("span", { class: "svt-label" }, [label]),
    element("span", {}, [take.texts[name] ?? "–"]),
  ]);
}

/** @param {HTMLElement} row @param {number|null} count */
function showStars(row, count) {
  for (const star of row.getElementsByClassName("svt-star")) {
    const isGiven = Number(star.dataset.stars) <= (count ?? 0);
    star.textContent = isGiven ? "★" : "☆";
    star.setAttribute("aria-pressed", String(Number(star.dataset.stars) === count));
  }
}

/** The current row is reached by Tab, and so are its controls. @param {HTMLElement} row */
function makeCurrent(row, isCurrent) {
  row.tabIndex = isCurrent ? 0 : -1;
  row.classList.toggle("svt-current", isCurrent);
  for (const each of row.getElementsByClassName("svt-control")) each.tabIndex = isCurrent ? 0 : -1;
}

/**
 * The waveform as bars; what was played stands out.
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array|null} peaks
 * @param {{colour: string, share: number, wide: number, tall: number}} how  `share` of it was played, 0 to 1;
 *   `wide` and `tall` are page pixels
 */
function drawPeaks(canvas, peaks, { colour, share, wide, tall }) {
  const ratio = window.devicePixelRatio || 1;
  if (!wide || !tall) return;
  canvas.width = Math.round(wide * ratio);
  canvas.height = Math.round(tall * ratio);
  const brush = canvas.getContext("2d");
  brush.fillStyle = colour;
  brush.scale(ratio, ratio);
  const bars = Math.floor(wide / BAR);
  for (let bar = 0; bar < bars; bar += 1) {
    let level = 0;
    if (peaks) {
      const from = Math.floor((bar * peaks.length) / bars);
      const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / bars));
      for (let at = from; at < to; at += 1) level = Math.max(level, peaks[at]);
    }
    const height = Math.max(1, (level / 255) * tall);
    brush.globalAlpha = !peaks ? 0.35 : share && bar / bars >= share ? 0.4 : 1;
    brush.fillRect(bar * BAR, (tall - height) / 2, BAR - 1, height);
  }
}
