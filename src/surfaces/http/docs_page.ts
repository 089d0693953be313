import page from "./docs/page.html" with { type: "text" };
import script from "./docs/script.js" with { type: "text" };
import style from "./docs/style.css" with { type: "text" };

/** The page may load what is here beside it, call the API that it came from, and nothing else. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/**
 * The files of the page about the API, by their paths. They are the same for everybody and hold no data, so they need no token,
 * which a browser could not send with them; the page asks for one, and for the document with it.
 */
export const DOCS_PAGE: Readonly<Record<string, () => Response>> = {
  "/api/docs": () => file(page, "text/html"),
  "/api/docs/script.js": () => file(script, "text/javascript"),
  "/api/docs/style.css": () => file(style, "text/css"),
};

function file(text: string, type: string): Response {
  return new Response(text, {
    headers: { "content-type": `${type}; charset=utf-8`, "content-security-policy": POLICY },
  });
}
