import { dirname, relative } from "node:path";

/** What is loaded by its file name and not by an import statement: threads and processes. */
export const THREADS: readonly string[] = [
  "src/runtime/watchdog_thread.ts",
  "src/runtime/isolation/isolated_child.ts",
];

/**
 * Bundlers leave the file names of threads as they were: they are led to the bundled ones.
 *
 * @param name the file of the bundle that holds the text
 * @param place where the bundle has a source file
 */
export function withThreads(name: string, text: string, place: (source: string) => string): string {
  return text.replace(/new URL\("\.\/([\w./]+)\.ts", import\.meta\.url\)/g, (_, thread: string) => {
    const source = THREADS.find((path) => path.endsWith(`/${thread}.ts`));
    if (!source) {
      throw new Error(`${name} of the bundle loads ${thread}.ts by name: add it to the bundle's threads`);
    }
    const path = relative(dirname(name), place(source));
    return `new URL("${path.startsWith(".") ? path : `./${path}`}", import.meta.url)`;
  });
}
