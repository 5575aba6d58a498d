const svg = "http://www.w3.org/2000/svg";

/** The sign of the house: the waves of the pavement. */
export function mark(): SVGElement {
  const image = document.createElementNS(svg, "svg");
  image.setAttribute("viewBox", "0 0 32 32");
  image.setAttribute("class", "mark");
  image.setAttribute("aria-hidden", "true");
  for (const y of [10, 16, 22]) {
    const wave = document.createElementNS(svg, "path");
    wave.setAttribute("d", `M5 ${y}c3.7-4.5 7.3-4.5 11 0s7.3 4.5 11 0`);
    image.append(wave);
  }
  return image;
}
