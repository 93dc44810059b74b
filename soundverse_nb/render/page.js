// What the page can do beyond its players: waveforms to click, one song at a time, time, place or bar kept.
(() => {
  "use strict";
  const NEAR_END = 0.02; // seconds; less than this before its end a song counts as over
  const STEP = 5; // seconds an arrow key moves
  /**
   * `placed`: the listener has chosen a place in it, so switching to it does not carry one over.
   * `carried`: seeks that this page has made and the player has not reported yet.
   * `place`: which of the page's songs it is, those without a player counted too.
   * @typedef {{article: HTMLElement, wave: HTMLElement, audio: HTMLAudioElement, gain: number, label: string,
   *   place: number, placed: boolean, carried: number}} Take
   */
  /** @type {Take[]} */
  const takes = [];
  const songs = [];
  for (const article of document.querySelectorAll(".take")) {
    const audio = article.querySelector("audio");
    const wave = article.querySelector(".wave");
    const label = article.querySelector(".label").textContent;
    const gain = Number(audio?.dataset.gain) || 1;
    const place = songs.push({ label, duration: Number(article.dataset.duration) || 0 }) - 1;
    if (audio && wave) takes.push({ article, wave, audio, gain, label, place, placed: false, carried: 0 });
  }
  /**
   * Of a song and its remixes, where their bars are known: the alignment, and which of its takes this one is.
   * @type {Map<number, {alignment: Alignment, take: number}>}
   */
  const bars = new Map();
  for (const { places, ...state } of JSON.parse(document.querySelector(".listening").dataset.alignments || "[]")) {
    const alignment = new Alignment(state, places.map((place) => songs[place]));
    places.forEach((place, take) => bars.set(place, { alignment, take }));
  }
  const kept = () => document.querySelector("input[name=keeps]:checked").value;
  const sameLoudness = document.getElementById("same-loudness");
  const said = document.querySelector(".said");
  /** @type {Take | null} */
  let current = null;
  /** Before the switch to a song that was over by then. @type {{take: Take, at: number} | null} */
  let left = null;

  /** Play; that another song was asked for before this one began is no failure. */
  const start = (/** @type {HTMLAudioElement} */ audio) => audio.play().catch(() => {});

  /** What is known of the bars of both, null where they are of different songs. */
  const aligned = (/** @type {Take} */ from, /** @type {Take} */ to) => {
    const [one, other] = [bars.get(from.place), bars.get(to.place)];
    return one && other && one.alignment === other.alignment ? { ...one, from: one.take, to: other.take } : null;
  };

  /** The one rule of what switching keeps: where `at` seconds of one song are in another. */
  const carry = (/** @type {number} */ at, /** @type {Take} */ from, /** @type {Take} */ to) => {
    if (kept() === "bar") {
      const both = aligned(from, to);
      return both ? both.alignment.carried(at, both.from, both.to).at : at;
    }
    return kept() === "time" || !(from.audio.duration > 0) ? at : (at / from.audio.duration) * to.audio.duration;
  };

  /** What there is to say of a switch that keeps the bar, "" for nothing. */
  const remark = (/** @type {number} */ at, /** @type {Take} */ from, /** @type {Take} */ to) => {
    const both = aligned(from, to);
    if (both) return both.alignment.remark(at, both.from, both.to);
    return `${from.label} and ${to.label} have no bars in common that are known. The same time is kept.`;
  };

  const draw = ({ wave, audio }) => {
    const part = audio.duration > 0 ? audio.currentTime / audio.duration : 0;
    wave.style.setProperty("--played", `${(100 * part).toFixed(2)}%`);
  };

  const level = () => {
    for (const { audio, gain } of takes) audio.volume = sameLoudness.checked ? Math.min(1, gain) : 1;
  };

  const follow = () => {
    if (!current || current.audio.paused) return;
    draw(current);
    requestAnimationFrame(follow);
  };

  /** Do something with a song once its length is known. */
  const whenKnown = (/** @type {Take} */ take, act) => {
    if (take.audio.readyState > 0) {
      act();
      return;
    }
    take.audio.addEventListener("loadedmetadata", act, { once: true });
    // A page of many takes loads one when it is asked for; one that plays loads by itself.
    if (take.audio.preload !== "none" || !take.audio.paused) return;
    take.audio.preload = "metadata";
    take.audio.load();
  };

  const seek = (/** @type {Take} */ take, /** @type {number} */ at) => {
    take.carried += 1;
    take.audio.currentTime = at;
  };

  /** Go on in another song at the same time, place or bar; one that is over by then stays silent and says so. */
  const carryTo = (/** @type {Take} */ take, /** @type {Take} */ before) => {
    const from = left ?? { take: before, at: before.audio.currentTime };
    left = null;
    const at = carry(from.at, from.take, take);
    const over = at > take.audio.duration - NEAR_END;
    seek(take, over ? take.audio.duration : at);
    if (!over) {
      if (kept() === "bar") said.textContent = remark(from.at, from.take, take);
      start(take.audio);
      return;
    }
    take.audio.pause();
    left = from;
    said.textContent = `${take.label} ends at ${clock(take.audio.duration)}.`;
  };

  const stand = (/** @type {Take} */ take) => {
    const before = current;
    current = take;
    for (const other of takes) {
      other.article.classList.toggle("playing", other === take);
      if (other !== take) other.audio.pause();
    }
    return before;
  };

  const switchTo = (/** @type {Take} */ take) => {
    said.textContent = "";
    const before = stand(take);
    if (before && before !== take) whenKnown(take, () => take === current && carryTo(take, before));
    else start(take.audio);
  };

  for (const take of takes) {
    take.audio.addEventListener("play", () => {
      if (current !== take) {
        said.textContent = "";
        const before = stand(take);
        // The player's own button was pressed: the rule holds unless the listener has chosen a place in it.
        if (before && !take.placed) whenKnown(take, () => take === current && carryTo(take, before));
      }
      take.placed = false;
      left = take === left?.take ? null : left;
      take.article.classList.add("playing");
      follow();
    });
    take.audio.addEventListener("pause", () => take.article.classList.remove("playing"));
    take.audio.addEventListener("timeupdate", () => draw(take));
    take.audio.addEventListener("seeking", () => {
      if (take.carried) take.carried -= 1;
      else [take.placed, left, said.textContent] = [take !== current, null, ""];
    });
    take.audio.addEventListener("seeked", () => draw(take));
    take.wave.addEventListener("click", (event) => {
      const box = take.wave.getBoundingClientRect();
      const part = (event.clientX - box.left) / box.width;
      whenKnown(take, () => {
        take.placed = true;
        left = null;
        seek(take, part * take.audio.duration);
        start(take.audio);
      });
    });
  }

  // After a click the keys are the page's again; a control that was reached by Tab keeps the focus and its keys.
  // What happens inside a player reaches the page as a media event only: no click, no key.
  let tabbing = false;
  let reachedByTab = false;
  document.addEventListener("focusin", (event) => {
    reachedByTab = tabbing || (reachedByTab && event.relatedTarget instanceof HTMLAudioElement);
  });
  document.addEventListener("pointerdown", () => (reachedByTab = false), true);
  const release = () => {
    if (!reachedByTab && document.activeElement?.matches("input, summary, a, audio")) document.activeElement.blur();
  };
  document.addEventListener("click", release);
  for (const { audio } of takes) {
    for (const kind of ["play", "pause", "seeked", "volumechange"]) audio.addEventListener(kind, release);
  }

  const toggle = (/** @type {HTMLAudioElement} */ audio) => {
    if (audio.paused) start(audio);
    else audio.pause();
  };
  const move = (/** @type {HTMLAudioElement} */ audio, /** @type {number} */ step) => {
    audio.currentTime = Math.min(audio.duration || 0, Math.max(0, audio.currentTime + step));
  };

  /** The takes that the page shows now, in its order: a report filters and sorts them. */
  const shown = () => {
    const byArticle = new Map(takes.map((take) => [take.article, take]));
    const articles = [...document.querySelectorAll(".take:not([hidden])")];
    return articles.map((article) => byArticle.get(article)).filter(Boolean);
  };

  /** What a key does now, nothing where it is the browser's or that of a control with the focus. */
  const act = (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return null;
    const isControl = event.target instanceof HTMLSelectElement; // where a digit picks an entry
    const take = isControl || !/^[1-9]$/.test(event.key) ? undefined : shown()[Number(event.key) - 1];
    if (take) return () => switchTo(take);
    if (event.target !== document.body || !current) return null;
    const { audio } = current;
    const acts = { " ": () => toggle(audio), ArrowLeft: () => move(audio, -STEP), ArrowRight: () => move(audio, STEP) };
    return acts[event.key] ?? null;
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Tab") {
      tabbing = true;
      setTimeout(() => (tabbing = false)); // the focus has moved by then
    }
    const wanted = act(event);
    if (!wanted) return;
    event.preventDefault();
    wanted();
  });

  for (const choice of document.querySelectorAll("input[name=keeps]")) {
    choice.addEventListener("change", () => {
      const notes = new Set([...bars.values()].map(({ alignment }) => alignment.note));
      said.textContent = kept() === "bar" ? [...notes].filter(Boolean).join(" ") : "";
    });
  }
  sameLoudness.addEventListener("change", level);
  level();
  document.querySelector(".listening").hidden = takes.length === 0;
})();
