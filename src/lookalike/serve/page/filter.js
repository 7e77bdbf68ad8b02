// Filters such as `smile > 0.5 and person = 'Ann'`, by the grammar of `lookalike.gallery.filters`.

const TOKEN = /\s*(?:('(?:[^']|'')*')|("[^"]+")|([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*)|(<=|>=|<>|!=|==|[=<>()]))/uy;
const KINDS = ["text", "quoted", "number", "word", "sign"];
const TEXTS = ["person", "name"];
const COMPARE = {
  "=": (a, b) => a === b, "==": (a, b) => a === b, "!=": (a, b) => a !== b, "<>": (a, b) => a !== b,
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
};
const plain = (name) => name.trim().toLowerCase().replaceAll(" ", "_");

/** Read a filter; returns what says of an item `{name, person, values}` whether it meets it. Throws one clear line. */
export function parse(text, attributes) {
  const tokens = split(text);
  const columns = new Map(attributes.map((name, i) => [plain(name), i]));
  let at = 0;
  const takes = (kind, word) => {
    const token = tokens[at];
    if (!token || token.kind !== kind || token.text.toLowerCase() !== word) return false;
    at += 1;
    return true;
  };
  const wrong = (what, token = tokens[at]) => new Error(`The filter has ${token ? `${token.text} at character ${token.place + 1}` : "its end"} where ${what} belongs; write as: smile > 0.5 and person = 'Ann'`);

  function joined(word, part, meet) {
    const parts = [part()];
    while (takes("word", word)) parts.push(part());
    return (item) => parts[meet]((one) => one(item));
  }
  const condition = () => joined("or", both, "some");
  const both = () => joined("and", term, "every");

  function term() {
    if (takes("sign", "(")) {
      const inner = condition();
      if (!takes("sign", ")")) throw wrong("')'");
      return inner;
    }
    const token = tokens[at++];
    if (!token || !["word", "quoted"].includes(token.kind)) throw wrong("the name of an attribute, 'person' or 'name'", token);
    const name = plain(token.text.replaceAll('"', ""));
    if (!TEXTS.includes(name) && !columns.has(name)) throw new Error(`The filter names ${token.text}, which this gallery does not know; it knows: ${[...attributes.slice(0, 6), ...TEXTS].join(", ")}`);
    const operator = tokens[at++];
    const sign = operator?.text.toLowerCase();
    if (!operator || !(sign in COMPARE || sign === "like")) throw wrong("one of = != < <= > >= like", operator);
    const value = tokens[at++];
    if (TEXTS.includes(name)) {
      if (value?.kind !== "text") throw wrong(`a text in single quotes to compare ${name} with`, value);
      const text_ = value.text.slice(1, -1).replaceAll("''", "'");
      const meets = sign === "like" ? like(text_) : (given) => COMPARE[sign](given, text_);
      return (item) => item[name] !== null && meets(item[name]);
    }
    if (sign === "like") throw new Error(`'like' goes with person and name only; compare ${name} with = < >`);
    if (value?.kind !== "number") throw wrong(`a number to compare ${name} with`, value);
    const [column, number] = [columns.get(name), Number(value.text)];
    return (item) => item.values?.[column] !== null && item.values?.[column] !== undefined && COMPARE[sign](item.values[column], number);
  }

  const whole = condition();
  if (at < tokens.length) throw wrong("'and', 'or' or the end");
  return whole;
}

function split(text) {
  const tokens = [];
  const whole = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < whole.length) {
    const from = TOKEN.lastIndex;
    const found = TOKEN.exec(whole);
    if (!found) throw new Error(`The filter cannot be read from character ${from + 1} on; write as: smile > 0.5 and person = 'Ann'`);
    const kind = KINDS.findIndex((_, i) => found[i + 1] !== undefined);
    tokens.push({ kind: KINDS[kind], text: found[kind + 1], place: TOKEN.lastIndex - found[kind + 1].length });
  }
  return tokens;
}

/** As SQLite's LIKE: % any characters, _ one, case of ASCII letters does not matter. */
function like(pattern) {
  const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("%", "[^]*").replaceAll("_", "[^]");
  const expression = new RegExp(`^${source}$`, "i");
  return (given) => expression.test(given);
}
