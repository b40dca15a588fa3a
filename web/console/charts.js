// Pictures of figures. Each has its figures as text beside it; the picture itself says them too, and
// tells its parts apart by pattern and dash, not by colour alone.

import { html, nothing, svg } from "../vendor/lit-html.js";
import { number, percent, rate, span } from "./format.js";

const PARTS = ["sold", "held", "available"];

/// What sold, held and available units are of the total.
export function stockBar(counts) {
  const { total } = counts;
  let before = 0;
  const part = (name) => {
    const width = total > 0 ? (100 * counts[name]) / total : 0;
    const drawn = svg`<rect class="part ${name}" x="${before}%" width="${width}%" height="100%"></rect>`;
    before += width;
    return drawn;
  };
  const said = PARTS.map((name) => `${number(counts[name])} ${name}`).join(", ");
  return html`<svg class="bar" role="img" aria-label="${said}, of ${number(total)}">${PARTS.map(part)}</svg>`;
}

/// What the patterns of a stock bar mean.
export const stockLegend = html`<ul class="legend" aria-hidden="true">
  ${PARTS.map((name) => html`<li><svg class="swatch"><rect class="part ${name}" width="100%" height="100%"></rect></svg>${name}</li>`)}
</ul>`;

/// Lines over the seconds before `until`: `series` is a list of { name, values, now }.
export function rateChart(title, series) {
  const known = series.filter(({ values }) => values);
  const most = Math.max(1, ...known.flatMap(({ values }) => values));
  const length = known[0]?.values.length ?? 1;
  const points = (values) =>
    values.map((value, i) => `${(i * 600) / (length - 1)},${100 - (98 * value) / most}`).join(" ");
  const said = series.map(({ name, now }) => `${name} ${rate(now)} a second`).join(", ");
  return html`<figure class="chart">
    <figcaption>
      ${title}
      <ul class="legend">
        ${series.map(({ name, now }, i) => html`<li>
          <svg class="swatch" aria-hidden="true"><line class="line line-${i}" x1="0" y1="50%" x2="100%" y2="50%"></line></svg>
          ${name} <strong data-rate=${name}>${rate(now)}</strong>
        </li>`)}
      </ul>
    </figcaption>
    <div class="plot">
      <span class="most" aria-hidden="true">${number(most)}</span>
      <svg viewBox="0 0 600 100" preserveAspectRatio="none" role="img" aria-label="${title}: ${said}">
        ${known.map(({ values }, i) => svg`<polyline class="line line-${i}" points=${points(values)}></polyline>`)}
      </svg>
    </div>
    <p class="axis quiet" aria-hidden="true"><span>${span(length)} ago</span><span>now</span></p>
  </figure>`;
}

/// Bars one below the other: `rows` is a list of { name, value, of, note }.
export function bars(rows) {
  const most = Math.max(1, ...rows.map(({ value }) => value ?? 0));
  return html`<dl class="bars">
    ${rows.map(({ name, value, of, note }) => html`<div>
      <dt>${name}</dt>
      <dd>
        <svg class="bar" aria-hidden="true"><rect class="part sold" width="${(100 * (value ?? 0)) / most}%" height="100%"></rect></svg>
        <strong data-bar=${name}>${number(value)}</strong>
        ${of == null ? nothing : html`<span class="quiet">${percent(value, of)}${note ?? ""}</span>`}
      </dd>
    </div>`)}
  </dl>`;
}
