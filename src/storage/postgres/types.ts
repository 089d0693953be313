const BOOL = 16;
const NUMBERS = [20, 21, 23, 700, 701, 1700];

/**
 * How columns arrive: integers as numbers (none grows beyond 2^53), booleans, and everything else as the text that
 * PostgreSQL sends, JSON too.
 */
export const columnTypes = {
  getTypeParser(oid: number): (text: string) => unknown {
    if (NUMBERS.includes(oid)) return Number;
    return oid === BOOL ? (text) => text === "t" : (text) => text;
  },
};
