// Lists to take away.

/** Rows as CSV (RFC 4180). A cell that begins like a formula would be run by spreadsheets; an apostrophe keeps it text. */
export function csv(head, rows) {
  const cell = (value) => (typeof value === "number" ? String(value) : `"${String(value).replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`);
  return [head.join(","), ...rows.map((row) => row.map(cell).join(","))].map((line) => `${line}\r\n`).join("");
}
