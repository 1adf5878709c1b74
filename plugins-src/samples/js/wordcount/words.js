/** How many words a text has: what blanks divide. */
export const words = (text) => text.split(/\s+/).filter((word) => word !== "").length;
