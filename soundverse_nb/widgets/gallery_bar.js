/**
 * The gallery's controls above the rows: search, filters, order, and what is done with the selected takes.
 */

const MOST_LEVELS = 500; // of a factor that can be chosen among

const STATES = {
  done: "Done", failed: "Failed", missing: "Not run", running: "Being made", unknown: "Outcome unknown",
};

/** A labelled list to choose from. @param {[string, string][]} options pairs of value and text */
function choice(label, options, kind = "") {
  const select = element("select", { "aria-label": label, class: kind });
  for (const [value, text] of options) select.append(element("option", { value }, [text]));
  return { select, field: element("label", { class: "svt-field" }, [element("span", {}, [label]), select]) };
}

/** Of a factor's name what a heading shows. */
const headed = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

/**
 * The bar of one view; it changes `wish` and calls `act.changed`.
 * @param {Wish} wish
 * @param {{changed: () => void, compare: () => void, clear: () => void}} act
 */
function makeBar(table, takes, wish, act) {
  const search = element("input", {
    type: "search", class: "svt-search", placeholder: "Search", "aria-label": "Search takes", value: wish.words,
  });
  const orders = [
    ["number", "Number"], ["title", "Title"],
    ...table.factors.map(({ name }) => [`factor:${name}`, headed(name)]),
    ...table.numbers.map(({ name, label }) => [`value:${name}`, headed(label)]),
    ["seconds", "Length"], ["stars", "Stars"],
  ];
  const sort = choice("Sort by", orders);
  const way = button("", "svt-way");
  const compare = button("", "svt-compare");
  const clear = button("Clear", "svt-clear", { title: "Select nothing" });
  const count = element("span", { class: "svt-count", role: "status" });
  const bounds = ["least", "most"].map((name) =>
    element("input", { type: "number", step: "any", class: "svt-bound", placeholder: name, "aria-label": `${headed(name)} value`, disabled: "" }),
  );
  const filters = [];
  for (const { name, levels } of table.factors) {
    if (levels.length < 2 || levels.length > MOST_LEVELS) continue;
    const made = choice(headed(name), [["", "All"], ...levels.map((level) => [level, level])]);
    made.select.value = wish.levels[name] ?? "";
    made.select.addEventListener("change", () => {
      wish.levels[name] = made.select.value;
      act.changed();
    });
    filters.push(made.field);
  }
  const found = new Set(takes.map(({ state }) => state));
  const state = choice("State", [["", "All"], ...[...found].map((name) => [name, STATES[name] ?? name])]);
  if (found.size > 1) filters.push(state.field);
  const rated = choice("Stars", [
    ["", "All"], ...[1, 2, 3, 4, 5].map((least) => [String(least), least < 5 ? `${least} or more` : "5"]), ["none", "None"],
  ]);
  filters.push(rated.field);
  const bounded = choice("Measure", [["", "Any"], ...table.numbers.map(({ name, label }) => [name, label])]);
  if (table.numbers.length) {
    const [least, most] = bounds;
    filters.push(element("div", { class: "svt-bounds" }, [bounded.field, least, element("span", {}, ["to"]), most]));
  }
  const reset = button("Show all", "svt-reset");
  const more = element("details", { class: "svt-filters" }, [
    element("summary", {}, ["Filters"]),
    element("div", { class: "svt-fields" }, [...filters, reset]),
  ]);

  /** Put what is wished into the controls. */
  function show() {
    search.value = wish.words;
    sort.select.value = wish.by;
    way.textContent = wish.falling ? "↓" : "↑";
    way.setAttribute("aria-label", wish.falling ? "Falling; click for rising" : "Rising; click for falling");
    way.title = way.getAttribute("aria-label");
    state.select.value = wish.state;
    rated.select.value = wish.stars;
    bounded.select.value = wish.number;
    for (const [at, name] of ["least", "most"].entries()) {
      bounds[at].disabled = !wish.number;
      bounds[at].value = wish[name] ?? "";
    }
    const set = [...Object.values(wish.levels), wish.state, wish.stars, wish.least, wish.most].filter(
      (value) => value !== "" && value !== null && value !== undefined,
    ).length;
    more.firstChild.textContent = set ? `Filters (${set})` : "Filters";
  }
  const hears = (part, kind, change) =>
    part.addEventListener(kind, () => {
      change();
      show();
      act.changed();
    });
  hears(search, "input", () => (wish.words = search.value));
  hears(sort.select, "change", () => (wish.by = sort.select.value));
  hears(way, "click", () => (wish.falling = !wish.falling));
  hears(state.select, "change", () => (wish.state = state.select.value));
  hears(rated.select, "change", () => (wish.stars = rated.select.value));
  hears(bounded.select, "change", () => Object.assign(wish, { number: bounded.select.value, least: null, most: null }));
  for (const [at, name] of ["least", "most"].entries()) {
    bounds[at].addEventListener("input", () => {
      wish[name] = Number.isFinite(bounds[at].valueAsNumber) ? bounds[at].valueAsNumber : null;
      act.changed();
    });
    bounds[at].addEventListener("change", show);
  }
  hears(reset, "click", () => {
    const { by, falling } = wish;
    Object.assign(wish, everything(), { by, falling });
    for (const select of more.querySelectorAll("select")) select.value = "";
  });
  compare.addEventListener("click", act.compare);
  clear.addEventListener("click", act.clear);
  show();
  const bar = element("div", { class: "svt-bar" }, [
    search, element("div", { class: "svt-order" }, [sort.field, way]), count,
    element("div", { class: "svt-chosen" }, [compare, clear]), more,
  ]);
  return {
    bar, search, count, more, show,
    /** Say how many are selected. */
    select(chosen) {
      compare.textContent = `Compare (${chosen})`;
      compare.disabled = !chosen;
      clear.hidden = !chosen;
    },
  };
}
