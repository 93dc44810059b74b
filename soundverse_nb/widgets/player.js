/**
 * The A/B player: several takes of a song, one clock, one playhead.
 *
 * The kernel sends facts and outlines with the model's state and the sound itself only when a take is
 * first played; everything else happens here, so that the player goes on when the kernel is busy or gone.
 * `initialize` looks for the static comparison that carries this model's `mark` as a class and turns it
 * into the live player in place. What is saved with the notebook therefore stays the static one.
 */

const STEP = 5; // seconds an arrow key moves
const ZOOM = 2; // a step of a button or key
const SHORTEST_VIEW = 1; // seconds; closer than that there is nothing to find

/** @param {number} db */
const signed = (db) => `${db < -0.05 ? "−" : ""}${Math.abs(db).toFixed(1)} dB`;

/** Buttons of which one is chosen, as radio buttons are. */
function radios(label, kind, names) {
  const choices = names.map((name) => button(name, kind, { role: "radio" }));
  return { choices, group: element("div", { role: "radiogroup", "aria-label": label, class: "svp-choice" }, choices) };
}

/** Show which one of some radio buttons is chosen; Tab goes to that one. */
function check(choices, chosen) {
  choices.forEach((choice, index) => {
    choice.setAttribute("aria-checked", String(index === chosen));
    choice.tabIndex = index === chosen ? 0 : -1;
  });
}

/** The lane of a take: a line of facts above its picture. */
function makeLane(take) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const gain = element("span", { class: "svp-gain" });
  const head = element("div", { class: "svp-head" }, [
    element("span", { class: "svp-dot", style: `background:${take.colour}` }),
    element("b", { title: take.label }, [take.label]),
    element("span", { class: "svp-name", title: take.name }, [take.name]),
    element("span", { class: "svp-facts" }, [take.facts]),
    gain,
  ]);
  const shade = element("div", { class: "svp-lane-loop", hidden: "" });
  const mark = element("div", { class: "svp-mark", hidden: "" });
  const body = element("div", { class: "svp-lane" }, [canvas, shade, mark]);
  if (take.problem) body.append(element("div", { class: "svp-problem" }, [take.problem]));
  else {
    const marks = pitchMarks(take.rate).map(({ hertz, height }) =>
      element("span", { style: `bottom:${(100 * height).toFixed(2)}%` }, [pitch(hertz)]),
    );
    body.append(element("div", { class: "svp-pitches", "aria-hidden": "true" }, marks));
  }
  return { head, body, canvas, gain, shade, mark };
}

/**
 * Build one live player in `root`; gives back what takes it down again.
 * @param {HTMLElement} root
 * @param {Library} library
 */
function mount(root, library) {
  /** @type {Take[]} */
  const takes = library.takes;
  const undo = new AbortController();
  const on = (target, kind, act, options = {}) =>
    target.addEventListener(kind, act, { signal: undo.signal, ...options });
  const deck = new Deck(takes, library, () => refresh(), (text) => say(text));
  /** @type {Part} */
  const part = { from: 0, size: 1 };
  let face = "waveform";
  let frame = 0;

  const play = button("", "svp-play");
  const time = element("span", { class: "svp-time" });
  const { choices, group } = radios("Take to hear", "svp-take", takes.map(() => ""));
  takes.forEach((take, index) => {
    choices[index].style.setProperty("--svp-colour", take.colour);
    // Of ten and more only the first nine have a key.
    if (index < 9) choices[index].append(element("kbd", { "aria-hidden": "true" }, [String(index + 1)]));
    choices[index].append(take.label);
    if (take.problem) choices[index].setAttribute("aria-disabled", "true");
  });
  const levels = radios("Level", "svp-level", ["Loudness matched", "As delivered"]);
  const keeps = radios("Switching keeps", "svp-level", ["Same time", "Same place", "Same bar"]);
  keeps.choices[0].title = "Switching keeps the seconds since the start";
  keeps.choices[1].title = "Switching keeps the proportion of the song, for takes of another tempo";
  const barChoice = keeps.choices[2];
  const loop = button("Loop", "svp-toggle");
  const spectrum = button("Spectrogram", "svp-toggle");
  const closer = button("+", "svp-zoom", { "aria-label": "Zoom in", title: "Zoom in (+, or Ctrl and the wheel)" });
  const wider = button("−", "svp-zoom", { "aria-label": "Zoom out", title: "Zoom out (−, or Ctrl and the wheel)" });
  const whole = button("Whole", "svp-zoom", { "aria-label": "Zoom to the whole song", title: "Show the whole song (0)" });
  const zoom = element("div", { role: "group", "aria-label": "Zoom", class: "svp-choice svp-zooming" }, [wider, closer, whole]);
  const volume = element("input", { type: "range", min: "0", max: "100", value: "100", "aria-label": "Volume" });
  const download = button("Download", "svp-download");
  const status = element("div", { role: "status", class: "svp-status" });
  const ruler = element("canvas", { class: "svp-ruler", "aria-hidden": "true" });
  const lanes = takes.map(makeLane);
  const shade = element("div", { class: "svp-region", hidden: "" });
  const playhead = element("div", { class: "svp-playhead" });
  // Not the stage itself: what is inside a slider is not read to those who cannot see it.
  const slider = element("div", {
    role: "slider",
    tabindex: "0",
    class: "svp-slider",
    "aria-label": "Position",
    "aria-valuemin": "0",
  });
  const stage = element("div", { class: "svp-stage" }, [
    ruler,
    ...lanes.flatMap((lane) => [lane.head, lane.body]),
    shade,
    playhead,
    slider,
  ]);
  const overview = element("canvas", { class: "svp-overview", "aria-hidden": "true" });
  const help = element("div", { class: "svp-help" }, [
    "Space plays · 1–9 or ↑ ↓ switch · T same time, place or bar · ← → move · M levels · S spectrogram · " +
      "+ − 0 or Ctrl+wheel zoom · drag the time axis to loop (L)",
  ]);
  const box = element(
    "div",
    {
      class: "svp",
      role: "group",
      "aria-label": `Compare ${takes.map((take) => take.label).join(" and ")}`,
      // JupyterLab would otherwise take the letters and digits for its own commands.
      "data-lm-suppress-shortcuts": "true",
    },
    [
      element("div", { class: "svp-bar" }, [
        play,
        time,
        group,
        zoom,
        element("label", { class: "svp-volume" }, [element("span", { "aria-hidden": "true" }, ["Volume"]), volume]),
        download,
      ]),
      element("div", { class: "svp-bar" }, [
        element("div", { class: "svp-keeps" }, [element("span", { "aria-hidden": "true" }, ["Switching keeps"]), keeps.group]),
        levels.group,
        loop,
        spectrum,
      ]),
      stage,
      status,
      help,
    ],
  );
  root.append(box);

  let said = ""; // what the last act has to say for itself
  function say(text) {
    said = text;
    if (!under) settle();
  }
  /** Nothing is under way: show what is to be said. */
  function settle() {
    const stopgap = library.previews.has(deck.heard)
      ? "The kernel does not answer: this is the preview that is saved with the notebook."
      : "";
    status.textContent = said || (wished ? "Aligning the takes bar by bar…" : stopgap);
  }

  /** Do something that may take a while, and say what is waited for, or why it does not work. */
  let under = 0;
  async function attempt(act, isAsked = true) {
    const since = Date.now();
    const wait = () => {
      if (deck.context?.state === "suspended" && !library.loading.size) {
        status.textContent = "The browser holds the sound back: press play once more.";
      } else if (!library.fetching) status.textContent = "Decoding…";
      else if (Date.now() - since < BUSY_AFTER) status.textContent = "Fetching…";
      else {
        status.textContent =
          "The kernel has not answered yet: it is busy. This goes on when it does; takes already heard still play.";
      }
    };
    const waiting = setInterval(wait, 250);
    under += 1;
    if (isAsked) said = ""; // a picture that is painted anew has nothing to do with it
    try {
      await act();
    } catch (reason) {
      said = reason.message || "This take cannot be played.";
    } finally {
      under -= 1;
      clearInterval(waiting);
      if (!under || said) settle();
    }
  }

  const toggle = () => (deck.running ? deck.pause() : attempt(() => deck.play()));
  const seek = (position) => attempt(() => deck.seek(position)).then(showPlayhead);
  function choose(take) {
    if (take < 0 || take >= takes.length) return;
    if (takes[take].problem) {
      status.textContent = takes[take].problem;
      return;
    }
    attempt(() => deck.choose(take));
  }
  /** The next take that can be heard, up or down the list. */
  function beside(step) {
    let take = deck.active;
    do take = (take + step + takes.length) % takes.length;
    while (takes[take].problem && take !== deck.active);
    return take;
  }
  function toggleLoop() {
    if (deck.loop) return attempt(() => deck.repeat(null));
    deck.looping = true; // is there a loop that was drawn before?
    const drawn = deck.loop;
    deck.looping = false;
    const end = deck.end(deck.heard);
    const from = Math.min(deck.position, Math.max(0, end - STEP));
    return attempt(() => deck.repeat(drawn ?? [from, Math.min(from + STEP, end)]));
  }
  function toggleFace() {
    face = face === "waveform" ? "spectrogram" : "waveform";
    refresh();
    paint();
  }
  const KEPT = ["time", "place", "bar"];
  let wished = null; // "bar" while the kernel compares the takes
  let refused = ""; // why the takes have no bars in common
  /** Let switching keep this; for the same bar the takes are compared first, and meanwhile all goes on. */
  async function keep(what) {
    said = "";
    wished = null;
    if (what === "bar" && !deck.alignment && !(await align())) return;
    await attempt(() => deck.keep(what));
    if (what === "bar") say(deck.alignment.remarks);
    paint();
  }
  /** Whether the takes are aligned now, and still wished to be. */
  async function align() {
    const wish = (wished = Symbol());
    settle();
    try {
      deck.alignment = new Alignment(await library.aligned(), takes);
      refused = "";
    } catch (reason) {
      if (undo.signal.aborted) return false;
      if (!library.gone) refused = reason.message;
      const kept = keeps.choices[KEPT.indexOf(deck.keeps)].textContent.toLowerCase();
      if (wished === wish) said = `${reason.message} Switching still keeps the ${kept}.`;
      refresh();
    }
    const isWished = wished === wish;
    if (isWished) wished = null;
    if (!under) settle();
    return isWished && Boolean(deck.alignment) && !undo.signal.aborted;
  }
  /** Nobody says that a kernel was shut down: whoever is about to choose finds out. */
  function lookForKernel() {
    if (!deck.alignment && !library.alignment) library.lookForKernel();
  }
  const isBarOut = () => !deck.alignment && (Boolean(refused) || barChoice.disabled);
  /** The next of what switching may keep, or the one before. */
  function keepBeside(step) {
    lookForKernel();
    let at = wished ? KEPT.indexOf("bar") : KEPT.indexOf(deck.keeps);
    do at = (at + step + KEPT.length) % KEPT.length;
    while (KEPT[at] === "bar" && isBarOut());
    return keep(KEPT[at]);
  }
  function showBarChoice() {
    barChoice.disabled = library.gone && !deck.alignment && !library.alignment;
    barChoice.setAttribute("aria-disabled", String(isBarOut()));
    if (barChoice.disabled) barChoice.title = "The same bar needs the kernel, which compares the takes, and it is gone";
    else if (isBarOut()) barChoice.title = refused;
    else {
      const known = deck.alignment || library.alignment ? "" : " The takes are compared first.";
      barChoice.title = `Switching keeps the bar, through other tempos and keys; loops are of whole bars.${known}`;
    }
  }
  /** Save the take that is heard as a file. */
  const save = () =>
    attempt(async () => {
      const { bytes, name } = await library.file(deck.active);
      const url = URL.createObjectURL(new Blob([bytes]));
      element("a", { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser has begun to save by then
    });

  /** Show so much of the axis from there on. */
  function show(from, size) {
    const least = deck.length ? Math.min(1, SHORTEST_VIEW / deck.length) : 1;
    part.size = Math.min(1, Math.max(least, size));
    part.from = Math.min(1 - part.size, Math.max(0, from));
    refresh();
    paint();
  }
  /** Zoom by a factor; what is at `about` (0 to 1 of what is on show) stays where it is. */
  function zoomBy(factor, about) {
    const kept = part.from + about * part.size;
    const least = deck.length ? Math.min(1, SHORTEST_VIEW / deck.length) : 1;
    const size = Math.min(1, Math.max(least, part.size / factor));
    show(kept - about * size, size);
  }
  /** Zoom about the playhead where it is on show, else about the middle. */
  function zoomStep(factor) {
    const at = headAt();
    zoomBy(factor, at >= 0 && at <= 1 ? at : 0.5);
  }

  /** Where a second is in what is on show, 0 at its left and 1 at its right. */
  const shownAt = (seconds) => (deck.length ? (seconds / deck.length - part.from) / part.size : 0);
  const headAt = () => shownAt(deck.position);
  function showPlayhead() {
    const at = headAt();
    if (part.size < 1 && (at < 0 || at > 1)) show(part.from + (at - 0.05) * part.size, part.size);
  }
  function move() {
    if (deck.running && !drag) showPlayhead();
    const at = headAt();
    playhead.hidden = at < 0 || at > 1 + 1e-9;
    playhead.style.left = `${at * 100}%`;
    if (deck.keeps === "bar") lanes.forEach(moveMark);
    const shown = `${clock(deck.position)} / ${clock(deck.end(deck.heard))}`;
    if (time.textContent !== shown) time.textContent = shown;
    const told = deck.position.toFixed(1);
    if (told === slider.getAttribute("aria-valuenow")) return;
    slider.setAttribute("aria-valuenow", told);
    slider.setAttribute("aria-valuetext", `${clock(deck.position)} of ${clock(deck.length)}`);
  }
  /** Each take has a playhead of its own where the same bar is not the same second. */
  function moveMark({ mark }, index) {
    const at = shownAt(deck.carried(deck.position, deck.heard, index));
    mark.hidden = at < 0 || at > 1 + 1e-9;
    mark.style.left = `${at * 100}%`;
  }
  function tick() {
    move();
    frame = deck.running && !undo.signal.aborted ? requestAnimationFrame(tick) : 0;
  }
  function shadeRegion(region, over = shade) {
    const edges = region?.map((edge) => Math.min(1, Math.max(0, shownAt(edge))));
    over.hidden = !edges || edges[0] === edges[1];
    if (over.hidden) return;
    over.style.left = `${edges[0] * 100}%`;
    over.style.width = `${(edges[1] - edges[0]) * 100}%`;
  }
  function shadeLoop() {
    const barwise = deck.keeps === "bar";
    shadeRegion(barwise ? null : deck.loop);
    lanes.forEach((lane, index) => {
      shadeRegion(barwise ? deck.loopOf(index) : null, lane.shade);
      if (!barwise) lane.mark.hidden = true;
    });
  }
  let drawn = "";
  function refresh() {
    if (undo.signal.aborted) return;
    play.textContent = deck.running ? "❚❚" : "▶";
    play.setAttribute("aria-label", deck.running ? "Pause" : "Play");
    check(choices, deck.active);
    check(levels.choices, deck.matched ? 0 : 1);
    check(keeps.choices, KEPT.indexOf(deck.keeps));
    showBarChoice();
    lanes.forEach((lane, index) => {
      const { loudness, problem } = takes[index];
      const heard = loudness === null ? "" : `${(loudness + deck.gainOf(index)).toFixed(1)} LUFS`.replace("-", "−");
      lane.gain.textContent = problem ? "" : [heard, `gain ${signed(deck.gainOf(index))}`].filter(Boolean).join(" · ");
    });
    loop.setAttribute("aria-pressed", String(Boolean(deck.loop)));
    loop.textContent = deck.loop ? `Loop ${fineClock(deck.loop[0])}–${fineClock(deck.loop[1])}` : "Loop";
    spectrum.setAttribute("aria-pressed", String(face === "spectrogram"));
    box.classList.toggle("svp-spectral", face === "spectrogram");
    box.classList.toggle("svp-barwise", deck.keeps === "bar");
    download.title = `Save ${takes[deck.active].name}`;
    slider.setAttribute("aria-valuemax", deck.length.toFixed(1));
    if (part.size === 1) overview.remove();
    else if (!overview.isConnected) stage.after(overview);
    wider.disabled = whole.disabled = part.size === 1;
    shadeLoop();
    const picture = `${deck.active} ${deck.heard} ${deck.matched}`;
    if (picture !== drawn) {
      drawn = picture;
      paint();
    }
    if (!frame) frame = requestAnimationFrame(tick);
  }

  let width = 0; // device pixels
  const finer = new Map(); // take -> the outline of 100 points a second
  function paint() {
    if (undo.signal.aborted || !width) return;
    const ratio = window.devicePixelRatio || 1;
    const ink = getComputedStyle(box).color;
    ruler.width = width;
    ruler.height = Math.round(RULER_HEIGHT * ratio);
    drawRuler(ruler, deck.length, part, ratio, ink);
    lanes.forEach((lane, index) => {
      lane.canvas.width = width;
      lane.canvas.height = Math.round(LANE_HEIGHT * ratio);
      paintWaveform(lane.canvas, index);
      if (face === "spectrogram" && !takes[index].problem) paintSpectrogram(lane, index); // as soon as it is here
      else lane.body.classList.remove("svp-pitched");
    });
    if (part.size === 1) return;
    overview.width = width;
    overview.height = Math.round(OVERVIEW_HEIGHT * ratio);
    drawOverview(overview, takes[deck.active], part, deck.share(deck.active), ink);
  }
  function paintWaveform(canvas, index) {
    const take = takes[index];
    const share = deck.share(index);
    const outline = finer.get(index) ?? take.outline;
    const gain = linear(deck.gainOf(index));
    drawWaveform(canvas, { take, outline, part, share, gain, quiet: index !== deck.active });
    if (part.size === 1 || finer.has(index) || take.problem || !isCoarse(outline, take, part, share, width)) return;
    library.outline(index).then((better) => {
      if (finer.has(index)) return; // painted by now
      finer.set(index, better);
      if (face === "waveform") paint();
    }, () => {}); // the coarse one is better than none
  }
  function paintSpectrogram({ canvas, body }, index) {
    attempt(async () => {
      const picture = await library.picture(index);
      if (face !== "spectrogram" || undo.signal.aborted) return;
      drawSpectrogram(canvas, picture, { part, share: deck.share(index), quiet: index !== deck.active });
      body.classList.add("svp-pitched"); // a waveform has no pitches to label
    }, false);
  }

  on(play, "click", toggle);
  levels.choices.forEach((choice, index) => on(choice, "click", () => deck.match(index === 0)));
  keeps.choices.forEach((choice, index) => on(choice, "click", () => keep(KEPT[index])));
  for (const kind of ["pointerenter", "focusin"]) on(keeps.group, kind, lookForKernel);
  choices.forEach((choice, index) => on(choice, "click", () => choose(index)));
  on(loop, "click", toggleLoop);
  on(spectrum, "click", toggleFace);
  on(closer, "click", () => zoomStep(ZOOM));
  on(wider, "click", () => zoomStep(1 / ZOOM));
  on(whole, "click", () => show(0, 1));
  on(download, "click", save);
  on(volume, "input", () => deck.loudness((volume.value / 100) ** 2)); // about how loudness is perceived
  // After a click the keys are the player's again: Space plays, whatever was clicked. A control that was
  // reached by Tab keeps the focus and its own keys; its clicks come from the keyboard and count no button.
  on(box, "click", (event) => {
    if (event.detail > 0 && event.target.closest("button, input")) slider.focus({ preventScroll: true });
  });

  const fractionAt = (event, canvas) => {
    const place = canvas.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - place.left) / place.width));
  };
  const timeAt = (event) => (part.from + fractionAt(event, stage) * part.size) * deck.length;
  /** The second that is meant: in "bar" each lane has its own seconds. */
  const meantAt = (event, lane) =>
    deck.keeps === "bar" && lane >= 0 ? deck.carried(timeAt(event), lane, deck.heard) : timeAt(event);
  let drag = null; // {kind: "seek" | "loop", lane, from, resume, region}
  on(stage, "pointerdown", (event) => {
    if (event.button !== 0 || !deck.length) return;
    event.preventDefault(); // no text is selected
    slider.focus({ preventScroll: true });
    const lane = lanes.findIndex(({ canvas }) => canvas === event.target);
    drag = { kind: event.target === ruler ? "loop" : "seek", lane, from: meantAt(event, lane), resume: false };
    stage.setPointerCapture(event.pointerId);
    if (drag.kind === "seek") {
      drag.resume = deck.running; // silent while the playhead is dragged, on from where it is dropped
      if (deck.running) deck.pause();
      attempt(() => deck.seek(drag.from));
    }
  });
  on(stage, "pointermove", (event) => {
    if (!drag) return;
    const to = meantAt(event, drag.lane);
    if (drag.kind === "seek") attempt(() => deck.seek(to));
    else shadeRegion((drag.region = [Math.min(drag.from, to), Math.max(drag.from, to)]));
  });
  const drop = () => {
    const { kind, from, resume, region } = drag ?? {};
    drag = null;
    if (kind === "loop" && region && region[1] - region[0] >= SHORTEST_LOOP) attempt(() => deck.repeat(region));
    else if (kind === "loop") {
      shadeLoop();
      seek(from);
    } else if (resume && !deck.ended) attempt(() => deck.play());
  };
  on(stage, "pointerup", drop);
  on(stage, "pointercancel", drop);
  on(
    stage,
    "wheel",
    (event) => {
      const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) zoomBy(2 ** (-event.deltaY / 200), fractionAt(event, stage));
      else if (part.size < 1 && Math.abs(sideways) >= Math.abs(event.deltaY)) {
        show(part.from + (sideways / stage.clientWidth) * part.size, part.size);
      } else return; // the page scrolls
      event.preventDefault();
    },
    { passive: false },
  );
  const bringThere = (event) => show(fractionAt(event, overview) - part.size / 2, part.size);
  on(overview, "pointerdown", (event) => {
    event.preventDefault();
    overview.setPointerCapture(event.pointerId);
    bringThere(event);
  });
  on(overview, "pointermove", (event) => overview.hasPointerCapture(event.pointerId) && bringThere(event));

  on(box, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === volume && /^(Arrow|Page|Home|End)/.test(event.key)) {
      event.stopPropagation(); // they set it, and the notebook does not scroll
      return;
    }
    const step = event.shiftKey ? 1 : STEP;
    const onButton = event.target instanceof HTMLButtonElement && !choices.includes(event.target);
    const flips = [
      [levels.choices, () => deck.match(!deck.matched)],
      [keeps.choices, keepBeside],
    ];
    const flip = flips.find(([group]) => group.includes(event.target));
    const acts = {
      " ": onButton ? null : toggle,
      ArrowLeft: () => seek(deck.position - step),
      ArrowRight: () => seek(deck.position + step),
      ArrowUp: () => (flip ? flip[1](-1) : choose(beside(-1))),
      ArrowDown: () => (flip ? flip[1](1) : choose(beside(1))),
      Home: () => seek(0),
      End: () => seek(deck.length),
      "+": () => zoomStep(ZOOM),
      "=": () => zoomStep(ZOOM), // + without Shift
      "-": () => zoomStep(1 / ZOOM),
      0: () => show(0, 1),
      m: flips[0][1],
      t: () => keepBeside(1),
      l: toggleLoop,
      s: toggleFace,
    };
    const act = /^[1-9]$/.test(event.key) ? () => choose(Number(event.key) - 1) : acts[event.key] ?? acts[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
    if (choices.includes(event.target)) choices[deck.active].focus();
    if (flip) flip[0].find((choice) => choice.tabIndex === 0).focus();
  });

  const resized = new ResizeObserver((entries) => {
    const exact = entries[entries.length - 1].devicePixelContentBoxSize?.[0].inlineSize;
    const about = ruler.clientWidth * (window.devicePixelRatio || 1);
    width = Math.abs(exact - about) < 2 ? exact : Math.round(about); // emulated screens tell CSS pixels
    paint();
  });
  try {
    resized.observe(ruler, { box: "device-pixel-content-box" }); // also tells when the page is zoomed
  } catch {
    resized.observe(ruler); // Safari
  }
  const themed = new MutationObserver(paint);
  themed.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-jp-theme-name"] });
  on(matchMedia("(prefers-color-scheme: dark)"), "change", paint);
  library.changes.add(refresh);
  refresh();

  return () => {
    undo.abort();
    library.changes.delete(refresh);
    cancelAnimationFrame(frame);
    resized.disconnect();
    themed.disconnect();
    deck.close();
    box.remove();
  };
}

/** Call `ready` as soon as the kernel has read the takes; gives back what ends the waiting. */
function whenRead(model, ready) {
  if (model.get("takes").length) ready();
  else model.on("change:takes", ready);
  return () => model.off("change:takes", ready);
}

export default {
  /** Turn every static comparison that carries this model's mark into a live one, as long as the model lives. */
  initialize({ model }) {
    const library = new Library(model);
    let takeDown = () => {};
    const place = (host, still) => {
      library.still = still;
      return mount(host, library);
    };
    const unwait = whenRead(model, () => {
      takeDown = inPlaceOf(model.get("mark"), "svp-host", place, () => library.empty());
    });
    return () => {
      unwait();
      takeDown();
      library.close();
    };
  },

  /** The same player as a widget of its own, for front ends that show widgets but not upgraded HTML. */
  render({ model, el }) {
    const library = new Library(model);
    let unmount = () => {};
    el.classList.add("svp-host");
    const unwait = whenRead(model, () => {
      unmount = mount(el, library);
    });
    return () => {
      unwait();
      unmount();
      library.close();
    };
  },
};
