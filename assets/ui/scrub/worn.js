// The adapters of a branch as a request says them. No page needed.

/**
 * "" is as they were, "none" is none, else "id=strength id=strength".
 * @param {readonly { id: string, strength: string }[]} rows as they were typed
 */
export function wornText(rows) {
  const first = rows[0]?.id ?? "";
  if (!first || first === "none") return first;
  return rows.filter(({ id }) => id).map(({ id, strength }) => `${id}=${strength.trim().replace(",", ".") || "1"}`).join(" ");
}
