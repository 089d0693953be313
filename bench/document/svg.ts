/** What all plots share: they stand on a page that may be light or dark. */
const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.quiet { fill: #6e7781; font-size: 12px }
.own { fill: #1f77d0 }
.peer { fill: #9aa5b1 }
.limit { fill: #d8dee4 }
.spread, .axis, .line { stroke: #57606a; fill: none }
.axis { stroke-opacity: .35 }
.line { stroke-width: 2 }
.line-0 { stroke: #1f77d0 }
.line-1 { stroke: #d4791b }
.line-2 { stroke: #5f9e57 }
.held { fill: #d8dee4; fill-opacity: .5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #8d96a0 }
  .own { fill: #4c9df0 }
  .peer { fill: #6e7986 }
  .limit, .held { fill: #3d444d }
  .spread, .axis { stroke: #9aa5b1 }
  .line-0 { stroke: #4c9df0 }
}`;

/** A whole picture. */
export function picture(
  { width, height, title, body }: { width: number; height: number; title: string; body: string[] },
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    ...body,
    "</svg>",
    "",
  ].join("\n");
}

/** A line of text; `end` puts its right end there. */
export function text(
  content: string,
  { x, y, kind = "", end = false }: { x: number; y: number; kind?: string; end?: boolean },
): string {
  const anchor = end ? ' text-anchor="end"' : "";
  return `<text x="${short(x)}" y="${short(y)}" class="${kind}"${anchor}>${escaped(content)}</text>`;
}

/** Coordinates need one digit after the point. */
export function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
