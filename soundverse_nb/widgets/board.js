/**
 * The progress board in a page, in the place of the line that the notebook keeps.
 *
 * What a notebook saves is that line: it needs no kernel. While the kernel lives, `initialize` finds the line by
 * this model's `mark`, hides it and puts the widgets behind `board` there; also in a page that was loaded anew.
 */

/** Put a view into the page as its front end would: only what is told so takes on its layout. */
function attach(view, host) {
  const widget = view.luminoWidget ?? view.pWidget;
  if (widget?.constructor.attach) widget.constructor.attach(widget, host);
  else host.append(view.el);
}

export default {
  initialize({ model }) {
    const mark = model.get("mark");
    const live = new Map(); // the line -> what takes its board down

    const place = async (line) => {
      const host = document.createElement("div");
      // A title may hold $, between two of which notebooks see a formula.
      host.className = "mathjax_ignore tex2jax_ignore";
      let view = null;
      live.set(line, () => {
        if (view) view.remove();
        host.remove();
        line.style.display = "";
      });
      const board = await model.widget_manager.get_model(model.get("board"));
      view = await model.widget_manager.create_view(board);
      if (!live.has(line)) {
        view.remove();
        return;
      }
      line.after(host);
      attach(view, host);
      line.style.display = "none";
    };

    const look = () => {
      for (const line of document.getElementsByClassName(mark)) {
        // Where the widgets cannot be had the line stays in sight.
        if (!live.has(line)) place(line).catch(() => {});
      }
      for (const [line, remove] of live) {
        if (line.isConnected) continue;
        live.delete(line);
        remove();
      }
    };

    const watch = new MutationObserver(look);
    watch.observe(document.body, { childList: true, subtree: true });
    look();
    return () => {
      watch.disconnect();
      for (const remove of live.values()) remove();
      live.clear();
    };
  },
};
