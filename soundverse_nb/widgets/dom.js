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
