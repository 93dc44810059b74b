// What the page can do beyond its players: waveforms to click, one song at a time, the place kept.
"use strict";
(() => {
  /** @typedef {{article: HTMLElement, wave: HTMLElement, audio: HTMLAudioElement, gain: number}} Take */
  /** @type {Take[]} */
  const takes = [];
  for (const article of document.querySelectorAll(".take")) {
    const audio = article.querySelector("audio");
    const wave = article.querySelector(".wave");
    if (audio && wave) takes.push({ article, wave, audio, gain: Number(audio.dataset.gain) || 1 });
  }
  const keepPlace = document.getElementById("keep-place");
  const sameLoudness = document.getElementById("same-loudness");
  /** @type {Take | null} */
  let current = null;

  /** How far a take has come, 0 to 1. Remixes have a tempo of their own, so the place is a proportion. */
  const place = (/** @type {Take} */ take) =>
    take.audio.duration > 0 ? take.audio.currentTime / take.audio.duration : 0;

  const draw = (/** @type {Take} */ take) =>
    take.wave.style.setProperty("--played", `${(100 * place(take)).toFixed(2)}%`);

  const level = () => {
    for (const { audio, gain } of takes) audio.volume = sameLoudness.checked ? Math.min(1, gain) : 1;
  };

  const follow = () => {
    if (!current || current.audio.paused) return;
    draw(current);
    requestAnimationFrame(follow);
  };

  const seek = (/** @type {Take} */ take, /** @type {number} */ to) => {
    if (take.audio.readyState > 0) take.audio.currentTime = to * take.audio.duration;
    else take.audio.addEventListener("loadedmetadata", () => seek(take, to), { once: true });
  };

  const switchTo = (/** @type {Take} */ take) => {
    if (current && current !== take && keepPlace.checked) seek(take, place(current));
    take.audio.play();
  };

  for (const take of takes) {
    take.audio.addEventListener("play", () => {
      const before = current;
      current = take;
      for (const other of takes) {
        other.article.classList.toggle("playing", other === take);
        if (other !== take) other.audio.pause();
      }
      // A player's own button was pressed: carry the place over unless this song is under way itself.
      if (before && before !== take && keepPlace.checked && take.audio.currentTime === 0) seek(take, place(before));
      follow();
    });
    take.audio.addEventListener("pause", () => take.article.classList.remove("playing"));
    take.audio.addEventListener("timeupdate", () => draw(take));
    take.audio.addEventListener("seeked", () => draw(take));
    take.wave.addEventListener("click", (event) => {
      const box = take.wave.getBoundingClientRect();
      seek(take, (event.clientX - box.left) / box.width);
      take.audio.play();
    });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
    const take = takes[Number(event.key) - 1];
    if (take) switchTo(take);
    else if (event.key === " " && current && event.target === document.body) {
      event.preventDefault();
      if (current.audio.paused) current.audio.play();
      else current.audio.pause();
    }
  });

  sameLoudness.addEventListener("change", level);
  level();
  document.querySelector(".listening").hidden = takes.length === 0;
})();
