/**
 * The A/B player: several takes of a song on one time axis, one clock, one playhead.
 *
 * The kernel sends facts and outlines with the model's state and the sound itself only when a take is
 * first played; everything else happens here, so that the player goes on when the kernel is busy or gone.
 * `initialize` looks for the static comparison that carries this model's `mark` as a class and turns it
 * into the live player in place. What is saved with the notebook therefore stays the static one.
 *
 * @typedef {object} Take
 * @property {string} label     short name, for example "Original"
 * @property {string} name      file or song name
 * @property {string} facts     one line of facts
 * @property {string} colour    CSS colour of its waveform
 * @property {string} problem   why it cannot be drawn or played; "" where it can
 * @property {number} duration  seconds
 * @property {number} channels
 * @property {number|null} loudness  integrated loudness, LUFS
 * @property {number} gain      dB that match it to the quietest take, <= 0
 * @property {DataView} outline Int8 pairs (least, greatest), channel after channel
 */

const FADE = 0.006; // time constant in seconds: 30 ms from one take to the other, too slow to click
const STEP = 5; // seconds an arrow key moves
const BUSY_AFTER = 2500; // ms without an answer after which the kernel is called busy
const LANE_HEIGHT = 72;
const RULER_HEIGHT = 22;
const SHARED_RATE = 44100;
const MOST_DECODED = 600e6; // bytes of decoded sound kept: four takes of 350 s in stereo
const SHORTEST_LOOP = 0.05; // seconds

/** @param {number} seconds */
function clock(seconds) {
  const tenths = Math.floor(Math.max(0, seconds) * 10 + 1e-6);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

/** @param {number} db */
const linear = (db) => 10 ** (db / 20);

/** @param {number} db */
const signed = (db) => `${db < -0.05 ? "−" : ""}${Math.abs(db).toFixed(1)} dB`;

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {(Node|string)[]} children
 */
function element(tag, attributes = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** What the kernel has sent of each take, shared by all views of one model. */
class Library {
  constructor(model) {
    this.model = model;
    this.bytes = new Map(); // take -> the file as it was sent
    this.decoded = new Map(); // take -> AudioBuffer; the one used last is the last
    this.loading = new Map(); // take -> Promise<AudioBuffer>
    this.pictures = new Map(); // take -> Promise<ImageBitmap>
    this.asked = new Map(); // request -> {resolve, reject}
    this.hear = (message, buffers) => this.receive(message, buffers);
    model.on("msg:custom", this.hear);
  }

  get takes() {
    return this.model.get("takes");
  }

  /** Seconds of the longest take. */
  get length() {
    return Math.max(0, ...this.takes.map((take) => take.duration));
  }

  /** Give back the memory; what is wanted again is asked for again. */
  empty() {
    for (const picture of this.pictures.values()) picture.then((p) => p.close(), () => {});
    for (const kept of [this.bytes, this.decoded, this.pictures]) kept.clear();
  }

  close() {
    this.model.off("msg:custom", this.hear);
    for (const { reject } of this.asked.values()) reject(new Error("closed"));
    this.asked.clear();
    this.empty();
  }

  receive(message, buffers) {
    const waiting = this.asked.get(message?.request);
    if (!waiting) return;
    this.asked.delete(message.request);
    if (message.problem) waiting.reject(new Error(message.problem));
    else waiting.resolve({ message, bytes: buffers[0] });
  }

  /** @returns {Promise<{message: object, bytes: DataView}>} */
  ask(content) {
    const request = `${content.want}-${content.take}-${content.as ?? ""}-${Math.random().toString(36).slice(2)}`;
    return new Promise((resolve, reject) => {
      this.asked.set(request, { resolve, reject });
      try {
        this.model.send({ ...content, request });
      } catch (reason) {
        this.asked.delete(request);
        reject(new Error("The kernel is gone."));
      }
    });
  }

  /** The decoded take, as long as the longest, so that loops and ends fall together. */
  async sound(take) {
    const known = this.decoded.get(take);
    if (known) {
      this.decoded.delete(take);
      this.decoded.set(take, known);
      return known;
    }
    if (!this.loading.has(take)) {
      const coming = this.load(take);
      this.loading.set(take, coming);
      coming.catch(() => {}).then(() => this.loading.delete(take)); // a failure may be asked for again
    }
    return this.loading.get(take);
  }

  /** Fetch and decode. A take the browser cannot read is asked for once more as MP3. */
  async load(take) {
    let bytes = this.bytes.get(take) ?? (await this.ask({ want: "sound", take })).bytes;
    let buffer;
    try {
      buffer = await decode(bytes);
    } catch {
      bytes = (await this.ask({ want: "sound", take, as: "mp3" })).bytes;
      buffer = await decode(bytes).catch(() => {
        throw new Error("This browser cannot decode the take.");
      });
    }
    buffer = padded(buffer, this.length);
    this.bytes.set(take, bytes);
    this.decoded.set(take, buffer);
    let held = 0;
    for (const [other, sound] of [...this.decoded].reverse()) {
      held += 4 * sound.length * sound.numberOfChannels;
      if (held > MOST_DECODED && other !== take) this.decoded.delete(other); // its bytes stay
    }
    return buffer;
  }

  picture(take) {
    if (!this.pictures.has(take)) {
      const drawn = this.ask({ want: "spectrogram", take }).then((answer) =>
        createImageBitmap(new Blob([answer.bytes], { type: "image/png" })),
      );
      drawn.catch(() => this.pictures.delete(take));
      this.pictures.set(take, drawn);
    }
    return this.pictures.get(take);
  }
}

/** @param {DataView} bytes */
function decode(bytes) {
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return new OfflineAudioContext(2, 1, SHARED_RATE).decodeAudioData(copy); // needs no click, unlike a live one
}

/** @param {AudioBuffer} buffer */
function padded(buffer, seconds) {
  const frames = Math.ceil(seconds * buffer.sampleRate);
  if (buffer.length >= frames) return buffer;
  const { numberOfChannels, sampleRate } = buffer;
  const long = new AudioBuffer({ length: frames, numberOfChannels, sampleRate });
  for (let channel = 0; channel < numberOfChannels; channel += 1) {
    long.copyToChannel(buffer.getChannelData(channel), channel);
  }
  return long;
}

/** All takes on one clock: what is heard is only a matter of gains. */
class Deck {
  static playing = null; // one player sounds at a time on a page

  constructor(takes, library, changed) {
    this.takes = takes;
    this.library = library;
    this.changed = changed;
    this.length = library.length;
    this.active = Math.max(0, takes.findIndex((take) => !take.problem)); // the take that is wanted
    this.heard = this.active; // the take that sounds: the one before, until the wanted one is here
    this.matched = true;
    this.loop = null; // [from, to] in seconds
    this.voices = []; // {source, gain, when it started} of each take that runs along now
    this.running = false;
    this.at = 0; // position when not running, or when it was started
    this.since = 0; // the context's time at that moment
    this.turn = 0; // each start, stop and seek opens a new one
  }

  /** Where the playhead is, in seconds. */
  get position() {
    if (!this.running) return this.at;
    let now = this.at + Math.max(0, this.context.currentTime - this.since);
    if (this.loop && this.at < this.loop[1] && now > this.loop[1]) {
      now = this.loop[0] + ((now - this.loop[0]) % (this.loop[1] - this.loop[0]));
    }
    return Math.min(now, this.length);
  }

  gainOf(take) {
    return this.matched ? this.takes[take].gain : 0;
  }

  async play() {
    const take = this.active;
    if (this.takes[take].problem) throw new Error(this.takes[take].problem);
    const turn = ++this.turn;
    clearTimeout(this.rest);
    if (!this.context) this.context = new AudioContext({ sampleRate: SHARED_RATE });
    const ready = this.context.resume(); // asked for within the click, or a browser refuses
    await this.library.sound(take);
    await ready;
    if (turn !== this.turn || this.closed) return;
    if (take !== this.active) return this.play();
    if (Deck.playing && Deck.playing !== this) Deck.playing.pause();
    Deck.playing = this;
    if (this.at >= this.length - 0.01) this.at = this.loop ? this.loop[0] : 0;
    this.running = true;
    this.heard = take;
    this.since = this.context.currentTime + 0.02; // all voices get the same moment, a little ahead
    this.voices = [];
    await Promise.all([...this.library.decoded.keys()].map((index) => this.join(index, turn)));
    this.changed();
    this.prepare();
  }

  /** Fetch the take that is likely to be wanted next, so that switching to it is instant. */
  prepare() {
    const turn = this.turn;
    const next = (this.heard + 1) % this.takes.length;
    if (this.voices[next] || this.takes[next].problem) return;
    this.library.sound(next).then(() => this.join(next, turn), () => {});
  }

  /** Let one decoded take run along, at the place where the clock is now. */
  async join(take, turn) {
    const buffer = await this.library.sound(take);
    if (turn !== this.turn || !this.running || this.voices[take]) return;
    const when = Math.max(this.since, this.context.currentTime + 0.01);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    const gain = new GainNode(this.context, { gain: 0 });
    source.connect(gain).connect(this.context.destination);
    let offset = this.at + (when - this.since);
    if (this.loop) {
      [source.loopStart, source.loopEnd] = this.loop;
      source.loop = true;
      if (this.at < this.loop[1] && offset > this.loop[1]) {
        offset = this.loop[0] + ((offset - this.loop[0]) % (this.loop[1] - this.loop[0]));
      }
    }
    source.start(when, offset);
    source.onended = () => {
      if (turn === this.turn && this.running && take === this.heard) this.halt(this.length);
    };
    this.voices[take] = { source, gain, when };
    this.level(take);
  }

  /** Fade a take to what it should be now: its matched level if it is the one heard, else silence. */
  level(take) {
    // An exponential starts from wherever the gain is. Two of them add up to one at every moment of a switch.
    const voice = this.voices[take];
    if (!voice) return;
    const target = take === this.heard ? linear(this.gainOf(take)) : 0;
    voice.gain.gain.setTargetAtTime(target, Math.max(voice.when, this.context.currentTime), FADE);
  }

  pause() {
    if (this.running) this.halt(this.position);
    else this.turn += 1; // a start that still waits for its sound is called off
    this.changed();
  }

  halt(position) {
    this.turn += 1;
    const voices = this.voices;
    this.voices = [];
    this.running = false;
    this.at = position;
    if (Deck.playing === this) Deck.playing = null;
    const now = this.context.currentTime;
    for (const voice of voices) {
      if (!voice) continue;
      voice.gain.gain.setTargetAtTime(0, now, FADE / 2);
      voice.source.onended = () => voice.gain.disconnect();
      voice.source.stop(now + 4 * FADE);
    }
    this.rest = setTimeout(() => this.context?.suspend(), 500); // a paused player costs nothing
    this.changed();
  }

  async seek(position) {
    const wanted = Math.min(Math.max(0, position), this.length);
    if (!this.running) {
      this.at = wanted;
      this.changed();
      return;
    }
    this.halt(wanted);
    await this.play();
  }

  /** Hear another take from the next moment on; the playhead stays. */
  async choose(take) {
    this.active = take;
    this.changed();
    if (!this.running) return;
    try {
      await this.join(take, this.turn);
    } catch (reason) {
      if (take === this.active) this.active = this.heard;
      this.changed();
      throw reason;
    }
    if (take !== this.active || !this.running) return;
    this.heard = take;
    this.takes.forEach((_, index) => this.level(index));
    this.prepare();
  }

  match(on) {
    this.matched = on;
    this.takes.forEach((_, index) => this.level(index));
    this.changed();
  }

  async repeat(region) {
    const position = this.position;
    this.loop = region && region[1] - region[0] >= SHORTEST_LOOP ? region : null;
    const outside = this.loop && (position < this.loop[0] || position >= this.loop[1]);
    if (this.running || outside) await this.seek(outside ? this.loop[0] : position);
    this.changed();
  }

  close() {
    this.closed = true;
    if (this.running) this.halt(this.position);
    this.turn += 1;
    if (Deck.playing === this) Deck.playing = null;
    clearTimeout(this.rest);
    this.context?.close();
    this.context = null;
  }
}

/** The outline of a take as min/max columns, one for each device pixel. */
function drawWaveform(canvas, take, length, gain, quiet) {
  const brush = canvas.getContext("2d");
  const { width, height } = canvas;
  brush.clearRect(0, 0, width, height);
  if (!length || take.problem) return;
  brush.fillStyle = take.colour;
  brush.globalAlpha = quiet ? 0.45 : 1;
  const points = take.outline.byteLength / 2 / take.channels;
  const columns = Math.max(1, Math.round((width * take.duration) / length));
  const room = height / take.channels;
  for (let channel = 0; channel < take.channels; channel += 1) {
    const middle = room * (channel + 0.5);
    for (let x = 0; x < columns; x += 1) {
      const from = Math.floor((x * points) / columns);
      const to = Math.max(from + 1, Math.floor(((x + 1) * points) / columns));
      let low = 127;
      let high = -128;
      for (let point = from; point < to; point += 1) {
        const place = 2 * (channel * points + point);
        low = Math.min(low, take.outline.getInt8(place));
        high = Math.max(high, take.outline.getInt8(place + 1));
      }
      const top = middle - (Math.min(127, high * gain) / 127) * room * 0.48;
      const bottom = middle - (Math.max(-127, low * gain) / 127) * room * 0.48;
      brush.fillRect(x, top, 1, Math.max(1, bottom - top));
    }
  }
  brush.globalAlpha = 1;
}

/** The time axis, with as many labels as have room. */
function drawRuler(canvas, length, ratio, ink) {
  const brush = canvas.getContext("2d");
  brush.clearRect(0, 0, canvas.width, canvas.height);
  if (!length) return;
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120];
  const wanted = (length * 64 * ratio) / canvas.width;
  const step = steps.find((candidate) => candidate >= wanted) ?? 300;
  brush.fillStyle = ink;
  brush.font = `${11 * ratio}px sans-serif`;
  brush.textBaseline = "bottom";
  for (let mark = 0; mark <= length + 1e-9; mark += step) {
    const x = Math.min(Math.round((mark / length) * canvas.width), canvas.width - ratio);
    brush.fillRect(x, canvas.height - 6 * ratio, ratio, 6 * ratio);
    const label = step < 1 ? mark.toFixed(1) : clock(mark).slice(0, -2);
    const wide = brush.measureText(label).width;
    const left = Math.min(Math.max(4 * ratio, x - wide / 2), canvas.width - wide); // clear of the playhead at 0
    brush.fillText(label, left, canvas.height - 7 * ratio);
  }
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
  const deck = new Deck(takes, library, () => refresh());
  let view = "waveform";
  let frame = 0;
  let region = null; // the loop that was drawn last, also while looping is off

  const names = takes.map((take) => take.label).join(" and ");
  const play = element("button", { type: "button", class: "svp-play" });
  const time = element("span", { class: "svp-time" });
  const choices = takes.map((take, index) =>
    element("button", { type: "button", role: "radio", class: "svp-take", style: `--svp-colour:${take.colour}` }, [
      element("kbd", { "aria-hidden": "true" }, [String(index + 1)]),
      take.label,
    ]),
  );
  takes.forEach((take, index) => take.problem && choices[index].setAttribute("aria-disabled", "true"));
  const group = element("div", { role: "radiogroup", "aria-label": "Take to hear", class: "svp-choice" }, choices);
  const levels = ["Loudness matched", "As delivered"].map((name) =>
    element("button", { type: "button", role: "radio", class: "svp-level" }, [name]),
  );
  const level = element("div", { role: "radiogroup", "aria-label": "Level", class: "svp-choice" }, levels);
  const loop = element("button", { type: "button", class: "svp-toggle" }, ["Loop"]);
  const spectrum = element("button", { type: "button", class: "svp-toggle" }, ["Spectrogram"]);
  const status = element("div", { role: "status", class: "svp-status" });
  const ruler = element("canvas", { class: "svp-ruler", "aria-hidden": "true" });
  const lanes = takes.map((take) => {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const gain = element("span", { class: "svp-gain" });
    const head = element("div", { class: "svp-head" }, [
      element("span", { class: "svp-dot", style: `background:${take.colour}` }),
      element("b", {}, [take.label]),
      element("span", { class: "svp-name", title: take.name }, [take.name]),
      element("span", { class: "svp-facts" }, [take.facts]),
      gain,
    ]);
    const body = element("div", { class: "svp-lane" }, [canvas]);
    if (take.problem) body.append(element("div", { class: "svp-problem" }, [take.problem]));
    return { head, body, canvas, gain };
  });
  const shade = element("div", { class: "svp-region", hidden: "" });
  const playhead = element("div", { class: "svp-playhead" });
  // Not the stage itself: what is inside a slider is not read to those who cannot see it.
  const slider = element("div", {
    role: "slider",
    tabindex: "0",
    class: "svp-slider",
    "aria-label": "Position",
    "aria-valuemin": "0",
    "aria-valuemax": deck.length.toFixed(1),
  });
  const stage = element("div", { class: "svp-stage" }, [
    ruler,
    ...lanes.flatMap((lane) => [lane.head, lane.body]),
    shade,
    playhead,
    slider,
  ]);
  const help = element("div", { class: "svp-help" }, [
    "Space plays · 1–9 or ↑ ↓ switch · ← → move · M levels · drag the time axis to loop, L toggles it",
  ]);
  const box = element(
    "div",
    // JupyterLab would otherwise take the letters and digits for its own commands.
    { class: "svp", role: "group", "aria-label": `Compare ${names}`, "data-lm-suppress-shortcuts": "true" },
    [element("div", { class: "svp-bar" }, [play, time, group, level, loop, spectrum]), stage, status, help],
  );
  root.append(box);

  /** Do something that may take a while, and say what is waited for, or why it does not work. */
  let under = 0;
  async function attempt(act) {
    const since = Date.now();
    const say = () => {
      if (deck.context?.state === "suspended" && !library.loading.size) {
        status.textContent = "The browser holds the sound back: press play once more.";
      } else if (!library.asked.size) status.textContent = "Decoding…";
      else if (Date.now() - since < BUSY_AFTER) status.textContent = "Fetching…";
      else {
        status.textContent =
          "The kernel has not answered yet: it is busy. This goes on when it does; takes already heard still play.";
      }
    };
    const saying = setInterval(say, 250);
    under += 1;
    try {
      await act();
      if (under === 1) status.textContent = "";
    } catch (reason) {
      status.textContent = reason.message || "This take cannot be played.";
    } finally {
      under -= 1;
      clearInterval(saying);
    }
  }

  const toggle = () => (deck.running ? deck.pause() : attempt(() => deck.play()));
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
  function setLoop(next) {
    if (next) region = next;
    attempt(() => deck.repeat(next));
  }
  function toggleLoop() {
    if (deck.loop) return setLoop(null);
    const from = Math.min(deck.position, Math.max(0, deck.length - STEP));
    setLoop(region ?? [from, Math.min(from + STEP, deck.length)]);
  }
  function toggleView() {
    view = view === "waveform" ? "spectrogram" : "waveform";
    refresh();
    paint();
  }

  function move() {
    const part = deck.length ? deck.position / deck.length : 0;
    playhead.style.left = `${part * 100}%`;
    const shown = `${clock(deck.position)} / ${clock(deck.length)}`;
    if (time.textContent !== shown) time.textContent = shown;
    const told = deck.position.toFixed(1);
    if (told === slider.getAttribute("aria-valuenow")) return;
    slider.setAttribute("aria-valuenow", told);
    slider.setAttribute("aria-valuetext", `${clock(deck.position)} of ${clock(deck.length)}`);
  }
  function tick() {
    move();
    frame = deck.running && !undo.signal.aborted ? requestAnimationFrame(tick) : 0;
  }
  function shadeRegion(part) {
    shade.hidden = !part;
    if (!part) return;
    shade.style.left = `${(part[0] / deck.length) * 100}%`;
    shade.style.width = `${((part[1] - part[0]) / deck.length) * 100}%`;
  }
  let drawn = "";
  function refresh() {
    if (undo.signal.aborted) return;
    play.textContent = deck.running ? "❚❚" : "▶";
    play.setAttribute("aria-label", deck.running ? "Pause" : "Play");
    choices.forEach((choice, index) => {
      choice.setAttribute("aria-checked", String(index === deck.active));
      choice.tabIndex = index === deck.active ? 0 : -1;
      lanes[index].body.classList.toggle("svp-quiet", index !== deck.active);
      const { loudness } = takes[index];
      const heard = loudness === null ? "" : `${(loudness + deck.gainOf(index)).toFixed(1)} LUFS`.replace("-", "−");
      lanes[index].gain.textContent = takes[index].problem ? "" : [heard, `gain ${signed(deck.gainOf(index))}`].filter(Boolean).join(" · ");
    });
    levels.forEach((choice, index) => {
      const chosen = deck.matched === (index === 0);
      choice.setAttribute("aria-checked", String(chosen));
      choice.tabIndex = chosen ? 0 : -1;
    });
    loop.setAttribute("aria-pressed", String(Boolean(deck.loop)));
    spectrum.setAttribute("aria-pressed", String(view === "spectrogram"));
    shadeRegion(deck.loop);
    if (deck.loop) {
      loop.textContent = `Loop ${clock(deck.loop[0])}–${clock(deck.loop[1])}`;
    } else loop.textContent = "Loop";
    const picture = `${deck.active} ${deck.matched}`;
    if (picture !== drawn) {
      drawn = picture;
      paint();
    }
    if (!frame) frame = requestAnimationFrame(tick);
  }

  let width = 0; // device pixels
  function paint() {
    if (undo.signal.aborted || !width) return;
    const ratio = window.devicePixelRatio || 1;
    ruler.width = width;
    ruler.height = Math.round(RULER_HEIGHT * ratio);
    drawRuler(ruler, deck.length, ratio, getComputedStyle(box).color);
    lanes.forEach((lane, index) => {
      lane.canvas.width = width;
      lane.canvas.height = Math.round(LANE_HEIGHT * ratio);
      drawWaveform(lane.canvas, takes[index], deck.length, linear(deck.gainOf(index)), index !== deck.active);
      if (view === "spectrogram" && !takes[index].problem) paintSpectrogram(lane.canvas, index); // as soon as it is here
    });
  }
  function paintSpectrogram(canvas, index) {
    attempt(async () => {
      const picture = await library.picture(index);
      if (view !== "spectrogram" || undo.signal.aborted) return;
      const brush = canvas.getContext("2d");
      brush.clearRect(0, 0, canvas.width, canvas.height);
      const wide = (canvas.width * takes[index].duration) / deck.length;
      brush.fillStyle = "#000"; // one that is not heard is dimmer, in a light theme, too
      brush.fillRect(0, 0, wide, canvas.height);
      brush.globalAlpha = index === deck.active ? 1 : 0.6;
      brush.drawImage(picture, 0, 0, wide, canvas.height);
      brush.globalAlpha = 1;
    });
  }

  on(play, "click", toggle);
  levels.forEach((choice, index) => on(choice, "click", () => deck.match(index === 0)));
  on(loop, "click", toggleLoop);
  on(spectrum, "click", toggleView);
  choices.forEach((choice, index) => on(choice, "click", () => choose(index)));

  const timeAt = (event) => {
    const place = stage.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - place.left) / place.width)) * deck.length;
  };
  let drag = null; // {kind: "seek" | "loop", from, resume, region}
  on(stage, "pointerdown", (event) => {
    if (event.button !== 0 || !deck.length) return;
    event.preventDefault(); // no text is selected
    slider.focus({ preventScroll: true });
    drag = { kind: event.target === ruler ? "loop" : "seek", from: timeAt(event), resume: false };
    stage.setPointerCapture(event.pointerId);
    if (drag.kind === "seek") {
      drag.resume = deck.running; // silent while the playhead is dragged, on from where it is dropped
      if (deck.running) deck.pause();
      deck.seek(drag.from);
    }
  });
  on(stage, "pointermove", (event) => {
    if (!drag) return;
    const to = timeAt(event);
    if (drag.kind === "seek") deck.seek(to);
    else shadeRegion((drag.region = [Math.min(drag.from, to), Math.max(drag.from, to)]));
  });
  const drop = () => {
    const { kind, from, resume, region: wanted } = drag ?? {};
    drag = null;
    if (kind === "loop" && wanted && wanted[1] - wanted[0] >= SHORTEST_LOOP) setLoop(wanted);
    else if (kind === "loop") {
      shadeRegion(deck.loop);
      attempt(() => deck.seek(from));
    } else if (resume) attempt(() => deck.play());
  };
  on(stage, "pointerup", drop);
  on(stage, "pointercancel", drop);

  on(box, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 1 : STEP;
    const onButton = event.target instanceof HTMLButtonElement && !choices.includes(event.target);
    const onLevel = levels.includes(event.target);
    const acts = {
      " ": onButton ? null : toggle,
      ArrowLeft: () => attempt(() => deck.seek(deck.position - step)),
      ArrowRight: () => attempt(() => deck.seek(deck.position + step)),
      ArrowUp: () => (onLevel ? deck.match(!deck.matched) : choose(beside(-1))),
      ArrowDown: () => (onLevel ? deck.match(!deck.matched) : choose(beside(1))),
      Home: () => attempt(() => deck.seek(0)),
      End: () => attempt(() => deck.seek(deck.length)),
      m: () => deck.match(!deck.matched),
      l: toggleLoop,
      s: toggleView,
    };
    const act = /^[1-9]$/.test(event.key) ? () => choose(Number(event.key) - 1) : acts[event.key] ?? acts[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
    if (choices.includes(event.target)) choices[deck.active].focus();
    if (onLevel) levels[deck.matched ? 0 : 1].focus();
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
  refresh();

  return () => {
    undo.abort();
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
    const mark = model.get("mark");
    const live = new Map(); // static element -> what takes its player down
    const look = () => {
      for (const still of document.getElementsByClassName(mark)) {
        if (live.has(still)) continue;
        const host = element("div", { class: "svp-host" });
        still.after(host);
        still.style.display = "none";
        const unmount = mount(host, library);
        live.set(still, () => {
          unmount();
          host.remove();
          still.style.display = "";
        });
      }
      for (const [still, unmount] of live) {
        if (still.isConnected) continue;
        unmount();
        live.delete(still);
        if (!live.size) library.empty();
      }
    };
    const watch = new MutationObserver(look);
    const unwait = whenRead(model, () => {
      watch.observe(document.body, { childList: true, subtree: true });
      look();
    });
    return () => {
      unwait();
      watch.disconnect();
      for (const unmount of live.values()) unmount();
      live.clear();
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
