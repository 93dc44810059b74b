/**
 * The player's sound: what the kernel sends of each take, and the deck that plays it.
 *
 * `player.py` joins it with `player.js` and what both need into the one module that the page loads.
 *
 * @typedef {object} Take
 * @property {string} label     short name, for example "Original"
 * @property {string} name      file or song name
 * @property {string} facts     one line of facts
 * @property {string} colour    CSS colour of its waveform
 * @property {string} problem   why it cannot be drawn or played; "" where it can
 * @property {number} duration  seconds
 * @property {number} channels
 * @property {number} rate      samples a second
 * @property {number|null} loudness  integrated loudness, LUFS
 * @property {number} gain      dB that match it to the quietest take, <= 0
 * @property {DataView} outline Int8 pairs (least, greatest), channel after channel
 *
 * @typedef {object} Sent
 * @property {DataView} bytes   a file that holds the take
 * @property {string} name      what to call it on disk
 */

const FADE = 0.006; // time constant in seconds: 30 ms from one take to the other, too slow to click
const AHEAD = 0.02; // seconds from the decision to the sound, so that it starts on time
const NEAR_END = 0.02; // seconds; less than this before its end a take counts as over
const BUSY_AFTER = 2500; // ms without an answer after which the kernel is called busy
const SHARED_RATE = 44100;
const MOST_DECODED = 600e6; // bytes of decoded sound kept: four takes of 350 s in stereo
const SHORTEST_LOOP = 0.05; // seconds

/** @param {number} db */
const linear = (db) => 10 ** (db / 20);

/** @param {number} position @param {[number, number]} loop */
const wrapped = (position, [from, to]) => from + ((position - from) % (to - from));

/** What the kernel has sent of each take, shared by all views of one model. */
class Library {
  constructor(model) {
    this.model = model;
    this.still = null; // the static comparison, whose players hold a preview of each take
    this.files = new Map(); // take -> Sent, a file that this browser decodes
    this.decoded = new Map(); // take -> AudioBuffer; the one used last is the last
    this.loading = new Map(); // take -> Promise<AudioBuffer>
    this.previews = new Set(); // takes of which only the saved preview is here
    this.pictures = new Map(); // take -> Promise<ImageBitmap>
    this.outlines = new Map(); // take -> Promise<DataView>, finer than the one of the state
    this.asked = new Map(); // request -> {resolve, reject, want}
    this.gone = false; // whether the kernel is
    this.aligning = null; // Promise<AlignmentState> while the kernel compares the takes
    this.changes = new Set(); // what is called when the kernel goes or comes, or has compared the takes
    this.hear = (message, buffers) => this.receive(message, buffers);
    this.changed = () => this.changes.forEach((act) => act());
    this.look = () => this.lookForKernel();
    model.on("msg:custom", this.hear);
    model.on("change:alignment", this.changed);
    model.on("comm_live_update", this.look);
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
    for (const kept of [this.files, this.decoded, this.previews, this.pictures, this.outlines]) kept.clear();
  }

  close() {
    this.model.off("msg:custom", this.hear);
    this.model.off("change:alignment", this.changed);
    this.model.off("comm_live_update", this.look);
    for (const { reject } of this.asked.values()) reject(new Error("closed"));
    this.asked.clear();
    this.empty();
  }

  receive(message, buffers) {
    const waiting = this.asked.get(message?.request);
    if (!waiting) return;
    this.asked.delete(message.request);
    if (message.problem) waiting.reject(new Error(message.problem));
    else waiting.resolve({ bytes: buffers[0], name: message.name, alignment: message.alignment });
  }

  /** @returns {Promise<Sent>} */
  ask(content) {
    const request = `${content.want}-${content.take}-${content.as ?? ""}-${Math.random().toString(36).slice(2)}`;
    return new Promise((resolve, reject) => {
      this.asked.set(request, { resolve, reject, want: content.want });
      try {
        this.model.send({ ...content, request });
      } catch {
        this.asked.delete(request);
        reject(Object.assign(new Error("The kernel is gone."), { gone: true }));
        this.gone = true;
        this.changed();
      }
    });
  }

  /** Whether sound or pictures are waited for; comparing takes is slow and waited for elsewhere. */
  get fetching() {
    return [...this.asked.values()].some(({ want }) => want !== "alignment");
  }

  /** The front end says that the kernel went or came, but not which: a message is sent or it is not. */
  lookForKernel() {
    try {
      this.model.send({ want: "nothing" });
      this.gone = false;
    } catch {
      this.gone = true;
      for (const [request, { want, reject }] of this.asked) {
        if (want !== "alignment") continue;
        this.asked.delete(request);
        reject(new Error("The kernel is gone."));
      }
    }
    this.changed();
  }

  /** What is known of which moment of a take is which of another; null before the kernel has compared them. */
  get alignment() {
    const known = this.model.get("alignment");
    return known?.takes ? known : null;
  }

  /** @returns {Promise<AlignmentState>} */
  aligned() {
    if (this.alignment) return Promise.resolve(this.alignment);
    this.aligning ??= this.ask({ want: "alignment" })
      .then(({ alignment }) => alignment)
      .finally(() => (this.aligning = null));
    return this.aligning;
  }

  /** The decoded take; where the kernel does not answer, the preview that the notebook holds. */
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

  async load(take) {
    const whole = this.whole(take);
    const saved = this.saved(take);
    const buffer = saved ? await this.inTime(take, whole, saved) : await whole;
    this.decoded.set(take, buffer);
    let held = 0;
    for (const [other, sound] of [...this.decoded].reverse()) {
      held += 4 * sound.length * sound.numberOfChannels;
      if (held > MOST_DECODED && other !== take) this.decoded.delete(other); // its bytes stay
    }
    return buffer;
  }

  /** Fetch and decode. A take the browser cannot read is asked for once more as MP3. */
  async whole(take) {
    let sent = this.files.get(take) ?? (await this.ask({ want: "sound", take }));
    let buffer;
    try {
      buffer = await decode(sent.bytes);
    } catch {
      sent = await this.ask({ want: "sound", take, as: "mp3" });
      buffer = await decode(sent.bytes).catch(() => {
        throw new Error("This browser cannot decode the take.");
      });
    }
    this.files.set(take, sent);
    return buffer;
  }

  /** The whole take where the kernel answers soon, else its preview; the whole replaces that when it comes. */
  async inTime(take, whole, saved) {
    let late;
    const patience = new Promise((resolve) => (late = setTimeout(resolve, BUSY_AFTER, null)));
    const here = whole.catch((reason) => {
      if (reason.gone) return null;
      throw reason;
    });
    const buffer = await Promise.race([here, patience]);
    clearTimeout(late);
    if (buffer) return buffer;
    const preview = await decode(await bytesOf(saved));
    this.previews.add(take);
    here.then((better) => {
      if (better && this.previews.delete(take)) this.decoded.delete(take); // the next start has the whole one
    }, () => {});
    return preview;
  }

  /** The data URL of what the notebook holds of a take, "" where it holds nothing. */
  saved(take) {
    const lane = this.still?.getElementsByClassName("soundverse-lane")[take];
    return lane?.querySelector("audio")?.src ?? "";
  }

  /** @returns {Promise<Sent>} the take's own file, or the best that can be had of it without a kernel */
  async file(take) {
    const sent = this.files.get(take);
    const { name, label } = this.takes[take];
    if (sent?.name === name) return sent;
    try {
      return await this.ask({ want: "file", take });
    } catch (reason) {
      if (!reason.gone || !(sent || this.saved(take))) throw reason;
      return sent ?? { bytes: await bytesOf(this.saved(take)), name: `${label} (preview).mp3` };
    }
  }

  picture(take) {
    return this.once(this.pictures, take, "spectrogram", ({ bytes }) =>
      createImageBitmap(new Blob([bytes], { type: "image/png" })),
    );
  }

  /** An outline of 100 points a second. */
  outline(take) {
    return this.once(this.outlines, take, "outline", ({ bytes }) => bytes);
  }

  once(kept, take, want, read) {
    if (!kept.has(take)) {
      const coming = this.ask({ want, take }).then(read);
      coming.catch(() => kept.delete(take));
      kept.set(take, coming);
    }
    return kept.get(take);
  }
}

/** @param {DataView} bytes */
function decode(bytes) {
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return new OfflineAudioContext(2, 1, SHARED_RATE).decodeAudioData(copy); // needs no click, unlike a live one
}

/** @param {string} url a data URL of base64; fetch() of those is refused by strict pages */
async function bytesOf(url) {
  const text = atob(url.slice(url.indexOf(",") + 1));
  return new DataView(Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer);
}

/**
 * One take sounds at a time. `at` and `position` are seconds of that take; where they are in another one is
 * said by `carried` alone: the same time; the same place, which is a proportion of the song; or the same bar.
 */
class Deck {
  /**
   * @param {() => void} changed  something that is on show has changed
   * @param {(text: string) => void} say  tell the listener why something is not as expected
   */
  constructor(takes, library, changed, say) {
    this.takes = takes;
    this.library = library;
    this.changed = changed;
    this.say = say;
    this.active = Math.max(0, takes.findIndex((take) => !take.problem)); // the take that is wanted
    this.heard = this.active; // the take that sounds: the one before, until the wanted one is here
    this.matched = true;
    this.volume = 1;
    this.keeps = "time"; // what switching keeps: "time", "place" or "bar"
    this.alignment = null; // there before "bar" is kept
    this.region = null; // [from, to] of the loop drawn last, as `partOf` has it
    this.looping = false;
    this.voice = null; // {source, gain, moment} of the take that is heard
    this.running = false;
    this.at = 0; // position when not running, or when it was started
    this.since = 0; // the context's time at that moment
    this.turn = 0; // each start, stop and seek opens a new one
    this.left = null; // {take, at, running} before the switch to a take that was over by then
    this.giveWay = ({ detail }) => detail !== this && this.running && this.pause();
    document.addEventListener(PLAYS, this.giveWay);
  }

  /** Seconds the axis shows: of the longest take, or of the one that is heard where each fills the axis. */
  get length() {
    return this.keeps === "place" ? this.takes[this.heard].duration : this.library.length;
  }

  /** How much of the axis a take fills, 0 to 1. */
  share(take) {
    return this.keeps !== "place" && this.length ? this.takes[take].duration / this.length : 1;
  }

  /** Where a take ends, in seconds; a saved preview may hold its beginning only. */
  end(take) {
    const { duration } = this.takes[take];
    if (!this.library.previews.has(take)) return duration;
    return Math.min(duration, this.library.decoded.get(take)?.duration ?? duration);
  }

  get ended() {
    return !this.running && this.at >= this.end(this.heard) - NEAR_END;
  }

  /** The one rule of what switching keeps: where `position` of one take is in another. */
  carried(position, from, to) {
    if (this.keeps === "bar") return this.alignment.carried(position, from, to).at;
    const { duration } = this.takes[from];
    return this.keeps === "time" || !duration ? position : (position / duration) * this.takes[to].duration;
  }

  /** Part of a take in what loops are kept in: seconds, in "place" proportions, in "bar" the reference's bars. */
  partOf(take, region) {
    if (this.keeps === "bar") return this.alignment.barsOf(take, region);
    return this.keeps === "time" ? region : region.map((edge) => edge / (this.takes[take].duration || 1));
  }

  /** The other way round: in seconds of a take, null where there is nothing of it in that. */
  regionIn(take, part) {
    if (this.keeps === "bar") return this.alignment.partIn(take, part);
    return this.keeps === "time" ? part : part.map((edge) => edge * this.takes[take].duration);
  }

  /** The loop in seconds of a take, null where there is none in it. */
  loopOf(take) {
    const region = this.looping && this.region ? this.regionIn(take, this.region) : null;
    const [from, to] = region?.map((edge) => Math.min(edge, this.end(take))) ?? [0, 0];
    return to - from >= SHORTEST_LOOP ? [from, to] : null;
  }

  get loop() {
    return this.loopOf(this.heard);
  }

  /** Where the playhead is, in seconds of the take that is heard. */
  get position() {
    return this.running ? this.positionAt(this.context.currentTime) : this.at;
  }

  positionAt(moment) {
    let now = this.at + Math.max(0, moment - this.since);
    const loop = this.loop;
    if (loop && this.at < loop[1] && now > loop[1]) now = wrapped(now, loop);
    return Math.min(now, this.end(this.heard));
  }

  gainOf(take) {
    return this.matched ? this.takes[take].gain : 0;
  }

  /** Play from where the playhead is, at the end from the start. */
  play() {
    if (this.ended) this.at = this.loop ? this.loop[0] : 0;
    return this.start();
  }

  async start() {
    const take = this.active;
    if (this.takes[take].problem) throw new Error(this.takes[take].problem);
    const turn = ++this.turn;
    this.left = null;
    clearTimeout(this.rest);
    if (!this.context) this.context = new AudioContext({ sampleRate: SHARED_RATE });
    const ready = this.context.resume(); // asked for within the click, or a browser refuses
    const buffer = await this.library.sound(take);
    await ready;
    if (turn !== this.turn || this.closed) return;
    if (take !== this.active) return this.start();
    if (this.heard !== take) this.turnTo(take);
    if (this.ended) {
      this.sayEnd(this.heard); // it was taken there while the sound came
      return;
    }
    document.dispatchEvent(new CustomEvent(PLAYS, { detail: this }));
    this.running = true;
    this.begin(take, buffer, this.context.currentTime + AHEAD, this.at);
    this.changed();
    this.prepare();
  }

  /** Fetch the take that is likely to be wanted next, so that switching to it is instant. */
  prepare() {
    const next = (this.heard + 1) % this.takes.length;
    if (!this.takes[next].problem) this.library.sound(next).catch(() => {});
  }

  /** Let a decoded take sound from its second `at` on, at that moment of the context's time. */
  begin(take, buffer, moment, at) {
    const source = new AudioBufferSourceNode(this.context, { buffer });
    const gain = new GainNode(this.context, { gain: 0 });
    source.connect(gain).connect(this.context.destination);
    const loop = this.loopOf(take);
    if (loop && at < loop[1]) {
      source.loop = true;
      [source.loopStart, source.loopEnd] = loop;
    }
    source.start(moment, at);
    const voice = { source, gain, moment };
    source.onended = () => {
      if (voice === this.voice) this.finish();
    };
    Object.assign(this, { voice, heard: take, at, since: moment });
    this.level();
  }

  /** Fade what is heard to the level it should have now. */
  level() {
    // An exponential starts from wherever the gain is. Two of them add up to one at every moment of a switch.
    if (!this.voice) return;
    const target = linear(this.gainOf(this.heard)) * this.volume;
    this.voice.gain.gain.setTargetAtTime(target, Math.max(this.voice.moment, this.context.currentTime), FADE);
  }

  /** Fade what is heard to silence from that moment on. */
  fade(moment) {
    const voice = this.voice;
    if (!voice) return;
    this.voice = null;
    voice.gain.gain.setTargetAtTime(0, moment, FADE);
    voice.source.onended = () => voice.gain.disconnect();
    voice.source.stop(moment + 10 * FADE);
  }

  pause() {
    if (this.running) this.halt(this.position);
    else this.turn += 1; // a start that still waits for its sound is called off
    this.changed();
  }

  halt(position) {
    this.turn += 1;
    this.running = false;
    this.at = position;
    this.fade(this.context.currentTime);
    this.rest = setTimeout(() => this.context?.suspend(), 500); // a paused player costs nothing
    this.changed();
  }

  /** The take has come to its end by itself. */
  finish() {
    this.halt(this.end(this.heard));
    this.sayEnd(this.heard);
  }

  /** Say where a take ends, where others go on from there. */
  sayEnd(take) {
    const end = this.end(take);
    const cut = end < this.takes[take].duration - NEAR_END;
    if (cut) this.say(`The saved preview of ${this.takes[take].label} ends at ${clock(end)}.`);
    else if (end < this.length - NEAR_END) this.say(`${this.takes[take].label} ends at ${clock(end)}.`);
  }

  /** Go to a second of the take that is heard; its end stops it, as if it had been played to there. */
  async seek(position) {
    const end = this.end(this.heard);
    const wanted = Math.min(Math.max(0, position), end);
    this.left = null;
    if (position > end) this.sayEnd(this.heard);
    if (!this.running) {
      this.at = wanted;
      this.changed();
      return;
    }
    this.halt(wanted);
    if (wanted < end - NEAR_END) await this.play();
  }

  /** Hear another take from the next moment on, at the same time or place. */
  async choose(take) {
    this.active = take;
    this.changed();
    if (this.running) {
      try {
        await this.library.sound(take);
      } catch (reason) {
        if (take === this.active) this.active = this.heard;
        this.changed();
        throw reason;
      }
    }
    if (take !== this.active || take === this.heard || this.closed) return;
    const resumes = this.left?.running;
    this.turnTo(take);
    if (resumes && !this.left) await this.play();
    else if (this.running) this.prepare();
  }

  /** Let `take` be the one that is heard; one that is over by then stops, and says so. */
  turnTo(take) {
    const moment = this.running ? this.context.currentTime + AHEAD : 0;
    const here = { take: this.heard, at: this.running ? this.positionAt(moment) : this.at, running: this.running };
    const from = this.left ?? here; // who only looked in on a take that was over goes on from before
    let at = this.carried(from.at, from.take, take);
    if (this.keeps === "bar") this.say(this.alignment.remark(from.at, from.take, take));
    const loop = this.loopOf(take);
    if (loop && this.running && this.at < (this.loop?.[1] ?? 0) && at >= loop[1]) at = wrapped(at, loop);
    const end = this.end(take);
    this.left = null;
    if (at > end - NEAR_END) {
      if (this.running) this.halt(end);
      Object.assign(this, { heard: take, at: end, left: from });
      this.sayEnd(take);
    } else if (this.running) {
      this.fade(moment);
      this.begin(take, this.library.decoded.get(take), moment, at);
    } else Object.assign(this, { heard: take, at });
    this.changed();
  }

  match(on) {
    this.matched = on;
    this.level();
    this.changed();
  }

  loudness(volume) {
    this.volume = volume;
    this.level();
  }

  /** Let switching keep "time", "place" or "bar"; the loop stays where it is in the take that is heard. */
  async keep(what) {
    if (what === this.keeps) return;
    const region = this.region && this.regionIn(this.heard, this.region);
    this.keeps = what;
    this.left = null;
    this.region = region && this.partOf(this.heard, region);
    if (what === "bar" && this.loop) await this.repeat(this.loop); // of whole bars now
    this.changed();
  }

  /** Loop this part of the take that is heard, [from, to] in seconds; null ends looping. */
  async repeat(region) {
    const position = this.position;
    if (region) this.region = this.partOf(this.heard, region);
    this.looping = Boolean(region);
    const loop = this.loop;
    if (region && !loop) this.looping = false; // nothing of it is in this take
    const outside = loop && (position < loop[0] || position >= loop[1]);
    if (this.running || outside) await this.seek(outside ? loop[0] : position);
    this.changed();
  }

  close() {
    this.closed = true;
    if (this.running) this.halt(this.position);
    this.turn += 1;
    document.removeEventListener(PLAYS, this.giveWay);
    clearTimeout(this.rest);
    this.context?.close();
    this.context = null;
  }
}
