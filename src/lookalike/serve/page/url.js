// The address tells everything: `#tab?key=value`, so that it can be shared and "back" works.

/** The tab and its parameters that an address names. */
export function read(hash = location.hash) {
  const [tab, query] = hash.replace(/^#/, "").split("?");
  return { tab: /^[a-z]+$/.test(tab) ? tab : "find", params: new URLSearchParams(query ?? "") };
}

/** The address of a tab with parameters; empty ones are left out. */
export function address(tab, params = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== "" && one !== null && one !== undefined) query.append(key, one);
    }
  }
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%7E", "~");
  return `#${tab}${text ? `?${text}` : ""}`;
}

/** Go there, as a step that "back" undoes. */
export function go(tab, params) {
  const target = address(tab, params);
  if (target === location.hash) window.dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = target;
}

/** Note a change of the same view (a slider) without a step of its own. */
export function note(tab, params) {
  history.replaceState(history.state, "", address(tab, params));
}

/** A code as text for an address: `~` and base64url of its float32 numbers. */
export function packCode(code) {
  const bytes = new Uint8Array(Float32Array.from(code).buffer);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return `~${btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/** What an address names as a source: `{id}` of a stored picture or `{code}`; null where it is neither. */
export function unpack(token, codeSize) {
  if (/^\d{1,15}$/.test(token)) return { token, id: Number(token) };
  if (!token.startsWith("~")) return null;
  try {
    const text = atob(token.slice(1).replaceAll("-", "+").replaceAll("_", "/"));
    const code = new Float32Array(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer);
    return code.length === codeSize && code.every(Number.isFinite) ? { token, code } : null;
  } catch {
    return null;
  }
}

/** The sources that a parameter names. */
export const unpackAll = (text, codeSize) =>
  (text ?? "").split(",").filter(Boolean).map((token) => unpack(token, codeSize)).filter(Boolean);
