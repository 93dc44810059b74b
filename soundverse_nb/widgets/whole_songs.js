/**
 * Gives the players of result cards the whole song, as long as there is a kernel to ask for it.
 *
 * A card holds a preview of what does not fit into a notebook. A lane with a note is such a one: when it comes
 * into view its song is fetched and put into the card's own player. Where nothing answers, all stays as it is.
 */

/** @typedef {{audio: HTMLAudioElement, saved: string, note: string, url: string}} Upgraded */

export default {
  initialize({ model }) {
    const mark = model.get("mark");
    /** @type {Map<string, {resolve: Function, reject: Function}>} */
    const asked = new Map();
    /** @type {Map<Element, Upgraded | null>} */
    const lanes = new Map();
    let last = Promise.resolve(); // one song at a time: a page of many cards must not flood the kernel

    const receive = (message, buffers) => {
      const waiting = asked.get(message?.request);
      asked.delete(message?.request);
      if (message?.problem) waiting?.reject(new Error(message.problem));
      else waiting?.resolve({ ...message, bytes: buffers[0] });
    };
    const ask = (content) => {
      const request = Math.random().toString(36).slice(2);
      return new Promise((resolve, reject) => {
        asked.set(request, { resolve, reject });
        model.send({ ...content, request });
      });
    };

    /** Let the player go on from where it is with another source. */
    const change = (/** @type {HTMLAudioElement} */ audio, /** @type {string} */ src) => {
      const { currentTime, paused } = audio;
      if (src) audio.src = src;
      else audio.removeAttribute("src");
      audio.currentTime = currentTime;
      if (!paused) audio.play().catch(() => {});
    };
    const restore = (/** @type {Element} */ lane) => {
      const upgraded = lanes.get(lane);
      if (!upgraded) return;
      const { audio, saved, note, url } = upgraded;
      lanes.set(lane, null);
      lane.querySelector(".soundverse-note").textContent = note;
      change(audio, saved);
      if (!saved) audio.remove();
      URL.revokeObjectURL(url);
    };
    const upgrade = async (/** @type {Element} */ lane) => {
      const card = lane.closest(`.${mark}`);
      const name = [...(card?.classList ?? [])].find((word) => word.startsWith(`${mark}-`));
      const place = [...(card?.getElementsByClassName("soundverse-lane") ?? [])].indexOf(lane);
      if (!name || place < 0) return; // gone by now
      const answer = await ask({ card: Number(name.slice(mark.length + 1)), lane: place });
      if (!lane.isConnected || !lanes.has(lane)) return;
      const line = lane.querySelector(".soundverse-note");
      let audio = lane.querySelector("audio");
      const saved = audio?.src ?? "";
      if (!audio) {
        audio = document.createElement("audio"); // there was no room for a preview
        audio.controls = true;
        audio.setAttribute("aria-label", "Play the song");
        audio.style.cssText = "width:100%;height:36px;margin:4px 0 2px";
        line.before(audio);
      }
      const url = URL.createObjectURL(new Blob([answer.bytes], { type: answer.mime }));
      const note = line.textContent;
      lanes.set(lane, { audio, saved, note, url });
      audio.addEventListener("error", () => audio.src === url && restore(lane), { once: true });
      change(audio, url);
      line.textContent = `${answer.note} ${note.replace(/^Plays a preview:/, "Saved in the notebook:").replace(/ Run .*$/, "")}`;
    };

    const inView = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        inView.unobserve(target);
        last = last.then(() => upgrade(target)).catch(() => {}); // the preview is still there
      }
    });
    const look = () => {
      for (const card of document.getElementsByClassName(mark)) {
        for (const lane of card.getElementsByClassName("soundverse-lane")) {
          if (lanes.has(lane) || !lane.querySelector(".soundverse-note")) continue;
          lanes.set(lane, null);
          inView.observe(lane);
        }
      }
      for (const lane of lanes.keys()) {
        if (lane.isConnected) continue;
        restore(lane); // it may come back, and asks again then
        inView.unobserve(lane);
        lanes.delete(lane);
      }
    };
    model.on("msg:custom", receive);
    const watch = new MutationObserver(look);
    watch.observe(document.body, { childList: true, subtree: true });
    look();
    return () => {
      // What is here stays: a song that was fetched plays on when its kernel is gone.
      model.off("msg:custom", receive);
      watch.disconnect();
      inView.disconnect();
    };
  },
};
