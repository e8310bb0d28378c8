// Shows what a chart holds where the pointer is. The page is whole without it.
for (const figure of document.querySelectorAll("figure.chart")) {
  const source = figure.querySelector("script");
  if (!source) continue;
  const { x, at, values } = JSON.parse(source.textContent);
  const plot = figure.querySelector(".plot"), svg = plot.querySelector("svg");
  const cross = svg.querySelector(".cross"), target = svg.querySelector(".target"), readout = plot.querySelector(".readout");
  const names = [...figure.querySelectorAll(".legend li > span:not(.quiet)")].map((name) => name.textContent);
  const hide = () => { readout.hidden = true; cross.style.visibility = "hidden"; };
  const show = (event) => {
    const box = svg.getBoundingClientRect();
    const pointer = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    let near = 0;
    x.forEach((place, index) => { if (Math.abs(place - pointer) < Math.abs(x[near] - pointer)) near = index; });
    cross.setAttribute("transform", `translate(${x[near]} 0)`);
    cross.style.visibility = "visible";
    const title = document.createElement("b");
    title.textContent = at[near];
    const lines = values.map((line, index) => {
      const row = document.createElement("div");
      row.textContent = `${names[index] ?? ""}  ${line[near] || "–"}`;
      return row;
    });
    readout.replaceChildren(title, ...lines);
    readout.hidden = false;
    const place = (x[near] / svg.viewBox.baseVal.width) * box.width;
    const room = box.width - readout.offsetWidth;
    readout.style.left = `${Math.max(0, Math.min(room, place > box.width / 2 ? place - readout.offsetWidth - 10 : place + 10))}px`;
  };
  target.addEventListener("pointermove", show);
  target.addEventListener("pointerdown", show);
  target.addEventListener("pointerleave", hide);
}
