// A file without handlers.
export const nothing = 0;
