// Which takes of a report are shown, and in which order; the players are those of page.js.
(() => {
  "use strict";
  const choices = document.querySelector(".choices");
  const list = document.querySelector(".takes");
  if (!choices || !list) return;
  const filters = [...choices.querySelectorAll("select[data-factor]")].filter((each) => each.dataset.factor);
  const sort = document.getElementById("sort-takes");
  const said = choices.querySelector(".shown");

  /** @typedef {{article: HTMLElement, levels: Object<string, string>, numbers: Object<string, number>, order: number}} Row */
  const row = (/** @type {HTMLElement} */ article) => ({
    article,
    levels: JSON.parse(article.dataset.levels),
    numbers: JSON.parse(article.dataset.numbers),
    order: Number(article.dataset.order),
  });
  /** @type {Row[]} */
  const rows = [...list.children].map(row);
  const songs = [...document.querySelectorAll(".songs > .take")].map(row);

  const isWanted = (/** @type {Row} */ { levels }, /** @type {HTMLSelectElement[]} */ by) =>
    by.every(({ value, dataset }) => value === "" || levels[dataset.factor] === value);

  /** The order of two takes; what has no such number comes last, whichever way. */
  const compare = (/** @type {string} */ by) => (/** @type {Row} */ one, /** @type {Row} */ other) => {
    const name = by.replace(/^-/, "");
    const [first, second] = [one.numbers[name], other.numbers[name]];
    if (by === "" || first === second) return one.order - other.order;
    if (first === undefined) return 1;
    if (second === undefined) return -1;
    return by.startsWith("-") ? second - first : first - second;
  };

  /** A take that is no longer shown falls silent: nobody could find its player. */
  const show = (/** @type {Row} */ { article }, /** @type {boolean} */ isShown) => {
    article.hidden = !isShown;
    if (!isShown) article.querySelector("audio")?.pause();
  };

  /** Put the takes in this order; a player that is moved in the document stops, so it is started again. */
  const arrange = (/** @type {HTMLElement[]} */ sorted) => {
    if (sorted.every((article, place) => article === list.children[place])) return;
    const playing = [...list.querySelectorAll("audio")].find((audio) => !audio.paused);
    list.replaceChildren(...sorted);
    playing?.play().catch(() => {});
  };

  const update = () => {
    let count = 0;
    for (const each of rows) {
      const isShown = isWanted(each, filters);
      show(each, isShown);
      count += isShown ? 1 : 0;
    }
    const ofSong = filters.filter(({ dataset }) => dataset.factor === "song");
    for (const each of songs) show(each, isWanted(each, ofSong));
    arrange([...rows].sort(compare(sort.value)).map(({ article }) => article));
    said.textContent = `${count} of ${rows.length} takes`;
  };

  choices.addEventListener("change", update);
  choices.hidden = false;
  update();
})();
