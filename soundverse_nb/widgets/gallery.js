/**
 * The gallery: many takes to browse, hear, rate and compare.
 *
 * The kernel sends names, numbers and small waveforms with the model's state, and sound only when a take is
 * played. Rows exist while they are in view. `initialize` looks for the static table that carries this model's
 * `mark` as a class and turns it into the live gallery in place; what is saved stays the static one.
 */

const WIDE = 720; // page pixels from which a row is one line
const ROW = 62; // page pixels of such a row
const CARD = 146; // of a card without numbers
const CARD_NUMBERS = 38;
const NUMBER = 88; // of a number in a row, with the gap beside it
const CARD_NUMBER = 82; // of a number in a card, with the gap beside it
const CARD_FIXED = 18; // of a card: its edges and the scroll bar, less one gap
const FIXED = 660; // of a row without its numbers
const MOST_VISIBLE = 560; // of the list, which scrolls
const AROUND = 6; // rows above and below what is in view
const STEP = 5; // seconds an arrow key moves
const PAGE = 8; // rows a page key moves
const NOTE = ".svt-note-field";
const SETTLED = 120; // ms without scrolling after which waveforms are asked for

/**
 * Build one live gallery in `root`; gives back what takes it down again.
 * @param {HTMLElement} root
 * @param {Link} link
 */
function mount(root, link) {
  const { model } = link;
  const undo = new AbortController();
  const on = (target, kind, act) => target.addEventListener(kind, act, { signal: undo.signal });
  let table = model.get("table");
  let takes = takesOf(table, model.get("ratings"));
  let byKey = new Map(takes.map((take) => [take.key, take]));
  const wish = everything();
  /** @type {GalleryTake[]} */
  let shown = [];
  const selected = new Set(); // keys
  let current = null; // key of the row that the arrow keys move from
  let numbers = []; // the numbers that have room in a row
  let height = ROW;
  let isWide = true;
  let fitted = 0; // page pixels for which that was worked out
  let isDrawing = false;
  let entered = ""; // what the note that has the focus was before
  let said = new Set(); // what is said once, above the rows
  /** @type {Map<string, Row>} */
  const rows = new Map();
  const asked = new Set(); // keys of the takes whose waveforms were asked for

  const sound = new Sound(link, () => refreshSound(), (text) => say(text));
  const heading = element("div", { role: "rowgroup", class: "svt-heading" });
  const list = element("div", { role: "rowgroup", class: "svt-list" });
  const scroller = element("div", { class: "svt-scroller" }, [list]);
  const grid = element("div", { role: "grid", class: "svt-grid", "aria-label": "Takes", "aria-multiselectable": "true" }, [heading, scroller]);
  const nothing = element("div", { class: "svt-nothing", hidden: "" }, ["No take fits."]);
  const details = element("section", { class: "svt-details", "aria-label": "The current take" });
  const status = element("div", { role: "status", class: "svt-status" });
  const compared = element("section", { class: "svt-compared", "aria-label": "Comparison", hidden: "" });
  const help = element("div", { class: "svt-help" }, [
    "↑ ↓ other takes · Space plays · ← → move in it · 1–5 stars, 0 none · X selects · N note · C compares · / searches",
  ]);
  const summary = element("div", { class: "svt-summary" });
  let bar = null;
  const box = element("div", {
    class: "svt", role: "group", "aria-label": "Gallery of takes",
    // JupyterLab would otherwise take the letters and digits for its own commands.
    "data-lm-suppress-shortcuts": "true",
  });
  root.append(box);

  function say(text) {
    status.textContent = text;
  }

  /** Everything anew, after the kernel has sent other takes. */
  function build() {
    table = model.get("table");
    takes = takesOf(table, model.get("ratings"));
    byKey = new Map(takes.map((take) => [take.key, take]));
    for (const key of [...selected]) if (!byKey.has(key)) selected.delete(key);
    const before = bar;
    bar = makeBar(table, takes, wish, { changed: arrange, compare: compareSelected, clear: selectNothing });
    bar.more.open = before?.more.open ?? false;
    const once = saidOnce(takes);
    said = once.said;
    summary.replaceChildren([table.summary, once.song].filter(Boolean).join(" · "), ...once.badges.map(badge));
    summary.hidden = !summary.textContent;
    if (before) before.bar.replaceWith(bar.bar);
    else box.append(summary, bar.bar, grid, nothing, details, status, compared, help);
    asked.clear();
    const place = scroller.scrollTop;
    arrange();
    scroller.scrollTop = place;
    render();
    bar.select(selected.size);
  }

  /** Draw rows and heading anew by `draw`. Whoever was in them goes on: with a note and its caret, on the same control. */
  function keepFocus(draw) {
    const { activeElement: active } = document;
    const key = list.contains(active) ? keyOf(active) : undefined;
    const by = heading.contains(active) ? active.dataset.by : undefined;
    const which = key === undefined ? null : controlOf(active);
    const note = which === NOTE ? active : null;
    const written = note && note.value !== entered ? { text: note.value, from: note.selectionStart, to: note.selectionEnd } : null;
    isDrawing = true; // a field that is taken away is left, though its writer has not ended
    try {
      draw();
    } finally {
      isDrawing = false;
    }
    if (by !== undefined) heading.querySelector(`[data-by="${CSS.escape(by)}"]`)?.focus({ preventScroll: true });
    const row = rows.get(key)?.row;
    const control = which === null ? null : row?.querySelector(which);
    const before = entered; // what the field held when its writer came
    (control ?? row)?.focus({ preventScroll: true });
    if (written && control) {
      control.value = written.text;
      control.setSelectionRange(written.from, written.to);
      entered = before;
    } else if (written) keepNote(key, written.text); // its take is not shown any more
  }

  /** Which of a row's controls this is, as a selector; null for the row itself. */
  function controlOf(target) {
    if (target.matches(".svt-star")) return `.svt-star[data-stars="${target.dataset.stars}"]`;
    return [NOTE, ".svt-toggle", "input[type=checkbox]"].find((kind) => target.matches(kind)) ?? null;
  }

  function keepNote(key, text) {
    if (byKey.has(key)) rate(key, { note: text.trim() });
    else say("The note was not kept: its take is gone.");
  }

  /** The same when other takes have come meanwhile. */
  function rebuild() {
    const { activeElement: active } = document;
    const controls = () => [...bar.bar.querySelectorAll("input, select, button, summary")];
    const nameOf = (control) => `${control.tagName} ${control.getAttribute("aria-label") ?? control.className}`;
    const name = bar.bar.contains(active) ? nameOf(active) : null;
    const alike = () => controls().filter((control) => nameOf(control) === name);
    const place = name === null ? -1 : alike().indexOf(active);
    const caret = active === bar.search ? [active.selectionStart, active.selectionEnd] : null;
    keepFocus(build);
    if (place >= 0) alike()[place]?.focus({ preventScroll: true });
    if (caret) bar.search.setSelectionRange(...caret);
  }

  /** What has room: rows or cards, and how many numbers. */
  function fit() {
    fitted = box.clientWidth;
    const width = fitted - 30;
    isWide = width >= WIDE;
    const most = isWide ? Math.floor((width - FIXED) / NUMBER) : Math.floor((width - CARD_FIXED) / CARD_NUMBER);
    numbers = table.numbers.slice(0, Math.max(1, Math.min(6, most)));
    // What it is sorted by is always in sight.
    const by = table.numbers.find(({ name }) => `value:${name}` === wish.by);
    if (by && !numbers.includes(by)) numbers = [...numbers.slice(0, -1), by];
    height = isWide ? ROW : CARD + (numbers.length ? CARD_NUMBERS : 0);
    box.classList.toggle("svt-narrow", !isWide);
    // repeat(0) is no column but a fault, for which the browser drops all columns.
    box.style.setProperty("--svt-numbers", numbers.length ? `repeat(${numbers.length}, 80px)` : "");
    box.style.setProperty("--svt-height", `${height}px`);
    showHeading();
  }

  function showHeading() {
    const head = (label, by, kind) => {
      const made = element("div", { role: "columnheader", class: `svt-cell svt-${kind}` });
      if (!by) {
        made.append(element("span", { class: kind === "note" ? "" : "svt-hidden" }, [label]));
        return made;
      }
      const isIt = wish.by === by;
      made.setAttribute("aria-sort", !isIt ? "none" : wish.falling ? "descending" : "ascending");
      made.append(button(isIt ? `${label} ${wish.falling ? "↓" : "↑"}` : label, "svt-sort", { "data-by": by, title: `Sort by ${label.toLowerCase()}` }));
      return made;
    };
    const values = numbers.map(({ name, label }) => head(headed(label), `value:${name}`, "value"));
    heading.replaceChildren(
      element("div", { role: "row", class: "svt-head-row", "aria-rowindex": "1" }, [
        head("Selected", "", "mark"), head("#", "number", "number"), head("Play", "", "play"), head("Waveform", "", "wave"),
        head("Take", "title", "what"), ...values, head("Stars", "stars", "stars"), head("Note", "", "note"),
      ]),
    );
  }

  /** Filter and sort, and show what is left from the top. */
  function arrange() {
    shown = arranged(takes, wish, table);
    if (!shown.some(({ key }) => key === current)) current = shown[0]?.key ?? null;
    bar.count.textContent =
      shown.length === takes.length ? `${takes.length.toLocaleString("en")} takes` : `${shown.length.toLocaleString("en")} of ${takes.length.toLocaleString("en")} takes`;
    nothing.hidden = shown.length > 0 || !takes.length;
    grid.setAttribute("aria-rowcount", String(shown.length + 1));
    fit();
    scroller.scrollTop = 0;
    redraw();
  }

  /** All rows in view anew. */
  function redraw() {
    for (const { row } of rows.values()) row.remove();
    rows.clear();
    list.style.height = `${shown.length * height}px`;
    scroller.style.height = `${Math.min(MOST_VISIBLE, Math.max(height, shown.length * height))}px`;
    render();
    showDetails();
  }

  /** Make the rows that came into view, and drop those that left it. */
  function render() {
    const first = Math.max(0, Math.floor(scroller.scrollTop / height) - AROUND);
    const last = Math.min(shown.length, Math.ceil((scroller.scrollTop + MOST_VISIBLE) / height) + AROUND);
    const wanted = new Map();
    for (let index = first; index < last; index += 1) wanted.set(shown[index].key, index);
    const at = shown.findIndex(({ key }) => key === current);
    if (at >= 0) wanted.set(current, at); // it may hold the focus
    for (const [key, { row }] of rows) {
      if (wanted.has(key)) continue;
      row.remove();
      rows.delete(key);
    }
    const fresh = [];
    for (const [key, index] of [...wanted].sort((one, other) => one[1] - other[1])) {
      if (rows.has(key)) continue;
      const made = makeRow({ take: shown[index], index, numbers, isSelected: selected.has(key), said });
      made.row.style.top = `${index * height}px`;
      makeCurrent(made.row, key === current);
      rows.set(key, made);
      fresh.push(made);
      // In the order that is seen, for Tab and for those who have it read to them.
      const next = [...list.children].find((row) => parseFloat(row.style.top) > index * height);
      list.insertBefore(made.row, next ?? null);
    }
    for (const made of fresh) showControl(made);
    paintAll(fresh);
    askForWaveforms();
  }

  let settled = 0;
  function askForWaveforms() {
    clearTimeout(settled);
    settled = setTimeout(() => {
      const keys = [...rows.values()].filter(({ take, canvas }) => canvas && !take.peaks && !asked.has(take.key)).map(({ take }) => take.key);
      if (!keys.length || !link.tell({ want: "peaks", keys })) return;
      for (const key of keys) asked.add(key);
    }, SETTLED);
  }

  /** The waveforms of these rows. All sizes are asked for before the first is drawn, which lays the page out anew. */
  function paintAll(/** @type {Row[]} */ which) {
    const colour = getComputedStyle(box).getPropertyValue("--svt-wave");
    const sized = which.flatMap(({ canvas, take }) =>
      canvas ? [{ canvas, take, wide: canvas.clientWidth, tall: canvas.clientHeight }] : [],
    );
    for (const { canvas, take, wide, tall } of sized) {
      drawPeaks(canvas, take.peaks, { colour, share: sound.share(take.key), wide, tall });
    }
  }

  const paint = (/** @type {Row} */ made) => paintAll([made]);

  const lit = new Set(); // keys of the rows that show a take as playing or wanted
  function refreshSound() {
    const now = new Set([sound.key, sound.wanted].filter((key) => key !== null));
    for (const key of new Set([...lit, ...now])) {
      const made = rows.get(key);
      if (made) showSound(made);
    }
    lit.clear();
    for (const key of now) lit.add(key);
  }

  function showSound(made) {
    showControl(made);
    paint(made);
  }

  /** Whether the row's button plays or pauses. */
  function showControl(made) {
    const control = made.row.querySelector(".svt-toggle");
    if (!control) return;
    const { key, number } = made.take;
    const isWanted = sound.wanted === key;
    const plays = isWanted || sound.plays(key);
    control.textContent = isWanted ? "…" : plays ? "❚❚" : "▶";
    const label = `${plays ? "Pause" : "Play"} take ${number}`;
    control.setAttribute("aria-label", label);
    control.title = label;
  }

  function showDetails() {
    const take = byKey.get(current);
    details.hidden = !take || !shown.length;
    if (!take) return;
    const pairs = [
      ...(take.song && !("song" in take.levels) ? [["Song", take.song]] : []),
      ...table.factors.filter(({ name }) => name in take.levels).map(({ name }) => [headed(name), take.levels[name]]),
      ...table.numbers.filter(({ name }) => name in take.texts).map(({ name, label }) => [headed(label), take.texts[name]]),
    ];
    details.replaceChildren(
      element("div", { class: "svt-details-title" }, [
        element("b", {}, [`Take ${take.number}`]), ` ${take.title}`,
        ...take.badges.map(badge),
      ]),
      ...(take.ending ? [element("div", { class: "svt-ending" }, [take.ending])] : []),
      element("dl", {}, pairs.map(([name, value]) => element("div", {}, [element("dt", {}, [name]), element("dd", {}, [value])]))),
    );
  }

  /** Make a row the current one, and bring it into view where it is to have the focus. */
  function go(key, isFocused) {
    const before = current;
    current = key;
    if (isFocused) {
      const top = shown.findIndex((take) => take.key === key) * height;
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      const seen = scroller.clientHeight;
      if (top + height > scroller.scrollTop + seen) scroller.scrollTop = top + height - seen;
    }
    render();
    for (const each of [before, key]) if (rows.has(each)) makeCurrent(rows.get(each).row, each === key);
    if (isFocused) rows.get(key)?.row.focus({ preventScroll: true });
    if (before !== key) showDetails();
  }

  /** The row so many places further. */
  function move(by) {
    if (!shown.length) return;
    const at = shown.findIndex(({ key }) => key === current);
    go(shown[Math.min(shown.length - 1, Math.max(0, at + by))].key, true);
  }

  function toggle(key) {
    const take = byKey.get(key);
    if (take && !take.ending) sound.toggle(key);
    else if (take) say(take.ending);
  }

  function select(key, isSelected) {
    const take = byKey.get(key);
    if (!take || take.ending) return;
    if (isSelected) selected.add(key);
    else selected.delete(key);
    const row = rows.get(key)?.row;
    if (row) {
      row.setAttribute("aria-selected", String(isSelected));
      row.querySelector("input[type=checkbox]").checked = isSelected;
    }
    bar.select(selected.size);
  }

  function selectNothing() {
    for (const key of [...selected]) select(key, false);
  }

  /** Keep stars and note of a take; where the kernel cannot, all is as it was. */
  async function rate(key, change) {
    const take = byKey.get(key);
    if (!take) return;
    const before = { stars: take.stars, note: take.note };
    showRating(key, { ...before, ...change });
    try {
      await link.ask({ want: "rate", key, stars: take.stars, note: take.note });
    } catch (reason) {
      showRating(key, before);
      say(`Not kept: ${reason.message}`);
    }
  }

  function showRating(key, { stars, note }) {
    const take = byKey.get(key);
    if (!take) return;
    Object.assign(take, { stars, note });
    const row = rows.get(key)?.row;
    if (!row) return;
    showStars(row, stars);
    const field = row.querySelector(NOTE);
    if (field !== document.activeElement) field.value = note;
  }

  /** Open the selected takes in the player below. */
  async function compareSelected() {
    const keys = arranged(takes, { ...everything(), by: wish.by, falling: wish.falling }, table)
      .map(({ key }) => key)
      .filter((key) => selected.has(key));
    if (!keys.length) {
      say("Select takes first: X, or the boxes at the left.");
      return;
    }
    say("Preparing the comparison…");
    try {
      const { mark, title } = await link.ask({ want: "compare", keys });
      sound.audio.pause();
      const close = button("Close", "svt-close");
      on(close, "click", closeComparison);
      // The player finds its place by the mark, as in a static comparison.
      compared.replaceChildren(
        element("div", { class: "svt-compared-title" }, [element("b", {}, [title]), close]),
        element("div", { class: mark }),
      );
      compared.hidden = false;
      say("");
      compared.scrollIntoView({ block: "nearest" });
      focusPlayer();
    } catch (reason) {
      say(reason.message);
    }
  }

  /** The keys are the player's as soon as it is there. */
  function focusPlayer() {
    const watch = new MutationObserver(() => {
      const play = compared.querySelector(".svp-play");
      if (!play) return;
      watch.disconnect();
      // Who works elsewhere by now is not fetched back.
      if (!box.contains(document.activeElement) && document.activeElement !== document.body) return;
      compared.scrollIntoView({ block: "nearest" });
      play.focus({ preventScroll: true });
    });
    watch.observe(compared, { childList: true, subtree: true });
    undo.signal.addEventListener("abort", () => watch.disconnect());
  }

  function closeComparison() {
    compared.replaceChildren();
    compared.hidden = true;
    link.tell({ want: "close" });
    rows.get(current)?.row.focus();
  }

  const keyOf = (target) => target.closest?.(".svt-row")?.dataset.key;
  on(scroller, "scroll", render);
  on(heading, "click", (event) => {
    const by = event.target.closest?.("[data-by]")?.dataset.by;
    if (!by) return;
    wish.falling = wish.by === by ? !wish.falling : by.startsWith("value:") || by === "stars";
    wish.by = by;
    bar.show();
    arrange();
    heading.querySelector(`[data-by="${CSS.escape(by)}"]`)?.focus();
  });
  on(list, "focusin", (event) => {
    const key = keyOf(event.target);
    if (key && key !== current) go(key, false);
  });
  on(list, "click", (event) => {
    const key = keyOf(event.target);
    if (!key) return;
    const { target } = event;
    const star = target.closest(".svt-star");
    if (star) giveStars(key, Number(star.dataset.stars));
    else if (target.closest(".svt-toggle")) toggle(key);
    else if (target instanceof HTMLCanvasElement) {
      const place = target.getBoundingClientRect();
      sound.play(key, (event.clientX - place.left) / place.width);
    } else if (target.type === "checkbox") select(key, target.checked);
    // After a click the keys are the row's: Space plays, whatever was clicked.
    if (event.detail > 0 && !target.closest("input[type=text]")) go(key, true);
  });
  // A field that was drawn anew tells of no change, so it is compared with what was in it when its writer came.
  on(list, "focusin", ({ target }) => {
    if (target.matches(NOTE)) entered = target.value;
  });
  on(list, "focusout", ({ target }) => {
    if (isDrawing || !target.matches(NOTE)) return;
    const key = keyOf(target);
    if (target.value.trim() !== entered.trim()) keepNote(key, target.value);
    else target.value = byKey.get(key)?.note ?? ""; // it may have come from elsewhere meanwhile
  });

  /** The same number again takes the stars away. */
  function giveStars(key, count) {
    const take = byKey.get(key);
    rate(key, { stars: !count || take.stars === count ? null : count });
  }

  on(box, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || compared.contains(event.target)) return;
    const { target, key } = event;
    if (target.matches("input[type=text], input[type=search], input[type=number], select")) {
      event.stopPropagation(); // what is typed is not for the notebook
      if (key === "Escape" && target.matches(NOTE)) target.value = entered;
      const leaves = key === "Escape" || (key === "Enter" && target.matches(".svt-note-field, .svt-search"));
      if (!leaves || current === null) return;
      event.preventDefault(); // Escape would clear the search
      go(current, true);
      return;
    }
    const inList = list.contains(target);
    const onControl = target.matches("button, input, summary");
    const acts = {
      "/": () => bar.search.focus(),
      c: compareSelected,
      ...(inList && {
        ArrowDown: () => move(1),
        ArrowUp: () => move(-1),
        PageDown: () => move(PAGE),
        PageUp: () => move(-PAGE),
        Home: () => move(-Infinity),
        End: () => move(Infinity),
        ArrowLeft: () => sound.seek(() => sound.audio.currentTime - STEP),
        ArrowRight: () => sound.seek(() => sound.audio.currentTime + STEP),
        " ": onControl ? null : () => toggle(current),
        x: () => select(current, !selected.has(current)),
        n: () => rows.get(current)?.row.querySelector(NOTE).focus(),
      }),
    };
    const act = inList && /^[0-5]$/.test(key) ? () => giveStars(current, Number(key)) : acts[key] ?? acts[key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });

  /** What the kernel tells all views. */
  const listen = (message, buffers) => {
    if (message.rated !== undefined) showRating(message.rated, message);
    const take = byKey.get(message.peaks);
    if (!take) return;
    if (message.problem) {
      select(take.key, false);
      take.ending = message.problem;
    } else {
      take.peaks = new Uint8Array(buffers[0].buffer, buffers[0].byteOffset, buffers[0].byteLength);
      take.seconds = message.seconds;
    }
    const old = rows.get(take.key);
    if (!old) return;
    const index = shown.findIndex(({ key }) => key === take.key);
    const made = makeRow({ take, index, numbers, isSelected: selected.has(take.key), said });
    if (old.row.contains(document.activeElement)) {
      if (!message.problem) paint(Object.assign(old, { take })); // what has the focus stays
      return;
    }
    made.row.style.top = old.row.style.top;
    makeCurrent(made.row, take.key === current);
    old.row.replaceWith(made.row);
    rows.set(take.key, made);
    showSound(made);
  };
  link.listeners.add(listen);
  model.on("change:table", rebuild);
  const repaint = () => paintAll([...rows.values()]);
  const resized = new ResizeObserver(() => {
    if (box.clientWidth === fitted || !box.clientWidth) return;
    keepFocus(() => {
      fit();
      redraw();
    });
  });
  resized.observe(box);
  const themed = new MutationObserver(repaint);
  themed.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-jp-theme-name"] });
  on(matchMedia("(prefers-color-scheme: dark)"), "change", repaint);
  build();

  return () => {
    undo.abort();
    clearTimeout(settled);
    link.listeners.delete(listen);
    model.off("change:table", rebuild);
    resized.disconnect();
    themed.disconnect();
    sound.close();
    box.remove();
  };
}

export default {
  /** Turn every static table that carries this model's mark into a live gallery, as long as the model lives. */
  initialize({ model }) {
    const link = new Link(model);
    const takeDown = inPlaceOf(model.get("mark"), "svt-host", (host) => mount(host, link));
    return () => {
      takeDown();
      link.close();
    };
  },

  /** The same gallery as a widget of its own, for front ends that show widgets but not upgraded HTML. */
  render({ model, el }) {
    const link = new Link(model);
    el.classList.add("svt-host");
    const unmount = mount(el, link);
    return () => {
      unmount();
      link.close();
    };
  },
};
