/**
 * What the scripts of the player and of the gallery share; joined in front of both.
 */

/** The event of a document by which only one player or gallery sounds at a time; its detail is who begins. */
const PLAYS = "soundverse-plays";

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

/** @param {string} text */
const button = (text, kind, attributes = {}) => element("button", { type: "button", class: kind, ...attributes }, [text]);

/**
 * Put something live into the place of every static element with this class; gives back what takes all down.
 *
 * What the notebook saves is the static element: it is hidden, and shown again when the live one goes.
 * @param {string} mark
 * @param {string} kind  class of the live one's host
 * @param {(host: HTMLElement, still: HTMLElement) => () => void} mount  gives back what takes it down
 * @param {() => void} left  called when the last static element has left the page
 */
function inPlaceOf(mark, kind, mount, left = () => {}) {
  const live = new Map(); // static element -> what takes the live one down
  const look = () => {
    for (const still of document.getElementsByClassName(mark)) {
      if (live.has(still)) continue;
      // Beside the static element and not inside: it has to say for itself that its texts hold no formulas.
      const host = element("div", { class: `${kind} mathjax_ignore tex2jax_ignore` });
      still.after(host);
      still.style.display = "none";
      const unmount = mount(host, still);
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
      if (!live.size) left();
    }
  };
  const watch = new MutationObserver(look);
  watch.observe(document.body, { childList: true, subtree: true });
  look();
  return () => {
    watch.disconnect();
    for (const unmount of live.values()) unmount();
    live.clear();
  };
}
