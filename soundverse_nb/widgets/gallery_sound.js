/**
 * What the gallery asks of the kernel, and the one take that sounds.
 */

const BUSY_AFTER = 2500; // ms without an answer after which the kernel is called busy
const MOST_HELD = 200e6; // bytes of sound kept: some thirty songs
const GONE = "The kernel is gone.";

/** Questions to the kernel and their answers; shared by all views of one model. */
class Link {
  constructor(model) {
    this.model = model;
    this.asked = new Map(); // request -> {resolve, reject}
    this.listeners = new Set(); // called with what the kernel tells all views
    this.hear = (message, buffers) => this.receive(message, buffers);
    model.on("msg:custom", this.hear);
  }

  close() {
    this.model.off("msg:custom", this.hear);
    for (const { reject } of this.asked.values()) reject(new Error("closed"));
    this.asked.clear();
  }

  receive(message, buffers) {
    const waiting = this.asked.get(message?.request);
    if (waiting) {
      this.asked.delete(message.request);
      if (message.problem) waiting.reject(new Error(message.problem));
      else waiting.resolve({ ...message, bytes: buffers[0] });
    }
    for (const listen of this.listeners) listen(message, buffers);
  }

  /** Send what needs no answer; whether it could be sent. */
  tell(content) {
    try {
      this.model.send(content);
      return true;
    } catch {
      return false;
    }
  }

  ask(content) {
    const request = Math.random().toString(36).slice(2);
    return new Promise((resolve, reject) => {
      this.asked.set(request, { resolve, reject });
      if (this.tell({ ...content, request })) return;
      this.asked.delete(request);
      reject(new Error(GONE));
    });
  }
}

/** Plays one take at a time; each is fetched when it is first played, and kept while there is room. */
class Sound {
  /**
   * @param {Link} link
   * @param {() => void} changed  what is heard has changed
   * @param {(text: string) => void} say  tell the listener what is waited for, or why it does not work
   */
  constructor(link, changed, say) {
    this.link = link;
    this.changed = changed;
    this.say = say;
    this.held = new Map(); // key -> {url, size}; the one heard last is the last
    this.key = null; // the take that is heard, or was last
    this.wanted = null; // the take that is fetched to be heard
    this.audio = new Audio();
    for (const kind of ["play", "pause", "ended", "timeupdate"]) this.audio.addEventListener(kind, changed);
    this.giveWay = ({ detail }) => {
      if (detail === this) return;
      this.wanted = null;
      this.audio.pause();
    };
    document.addEventListener(PLAYS, this.giveWay);
  }

  get running() {
    return !this.audio.paused && !this.audio.ended;
  }

  /** Whether this take sounds now. */
  plays = (key) => this.key === key && this.running;

  /** How much of a take was played, 0 to 1. */
  share(key) {
    return this.key === key && this.audio.duration ? this.audio.currentTime / this.audio.duration : 0;
  }

  toggle(key) {
    if (this.wanted === key) this.wanted = null; // called off before it came
    else if (this.plays(key)) this.audio.pause();
    else return this.play(key);
    this.changed();
    return Promise.resolve();
  }

  /** Play a take, from `share` of its length or from where it was. */
  async play(key, share = null) {
    this.wanted = key;
    this.changed();
    try {
      const url = await this.fetched(key);
      if (this.wanted !== key) return; // another one was asked for meanwhile
      document.dispatchEvent(new CustomEvent(PLAYS, { detail: this }));
      if (this.key !== key) {
        this.key = key;
        this.audio.src = url;
      }
      if (share !== null) await this.seek((length) => share * length);
      if (this.wanted !== key) return;
      await this.audio.play();
      this.say("");
    } catch (reason) {
      if (this.wanted !== key) return;
      const refused = { NotAllowedError: "The browser holds the sound back: press play once more." };
      const unreadable = { NotSupportedError: "This browser cannot play the take." };
      this.say({ ...refused, ...unreadable }[reason.name] ?? reason.message);
    } finally {
      if (this.wanted === key) this.wanted = null;
      this.changed();
    }
  }

  /** Move what is heard to another second, as soon as its length is known. @param {(length: number) => number} to */
  async seek(to) {
    if (!this.key) return;
    if (!this.audio.duration) {
      await new Promise((ready) => {
        for (const kind of ["loadedmetadata", "error"]) this.audio.addEventListener(kind, ready, { once: true });
      });
    }
    const { duration } = this.audio;
    if (duration) this.audio.currentTime = Math.min(duration, Math.max(0, to(duration)));
    this.changed();
  }

  async fetched(key) {
    const here = this.held.get(key);
    if (here) {
      this.held.delete(key);
      this.held.set(key, here);
      return here.url;
    }
    this.say("Fetching…");
    const busy = setTimeout(() => {
      if (this.wanted === key) this.say("The kernel has not answered yet: it is busy. The take plays when it does.");
    }, BUSY_AFTER);
    try {
      const { bytes, mime } = await this.link.ask({ want: "sound", key });
      const sent = { url: URL.createObjectURL(new Blob([bytes], { type: mime })), size: bytes.byteLength };
      this.held.set(key, sent);
      this.makeRoom();
      return sent.url;
    } finally {
      clearTimeout(busy);
    }
  }

  makeRoom() {
    let size = 0;
    for (const [key, sent] of [...this.held].reverse()) {
      size += sent.size;
      if (size <= MOST_HELD || key === this.key || key === this.wanted) continue;
      URL.revokeObjectURL(sent.url);
      this.held.delete(key);
    }
  }

  close() {
    document.removeEventListener(PLAYS, this.giveWay);
    this.wanted = null;
    this.audio.pause();
    this.audio.removeAttribute("src");
    for (const { url } of this.held.values()) URL.revokeObjectURL(url);
    this.held.clear();
  }
}
