// Filters such as `smile > 0.5 and person = 'Ann'`, by the grammar of `lookalike.gallery.filters`.

const TOKEN = /\s*(?:('(?:[^']|'')*')|("[^"]+")|([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*)|(<=|>=|<>|!=|==|[=<>()]))/uy;
const KINDS = ["text", "quoted", "number", "word", "sign"];
const NUMBERS = ["number", "flag"];
const TIME = /^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-3])(:[0-5]\d(:([0-5]\d|60))?)?)?)?)?$/;
const COMPARE = {
  "=": (a, b) => a === b, "==": (a, b) => a === b, "!=": (a, b) => a !== b, "<>": (a, b) => a !== b,
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
};
const plain = (name) => name.trim().toLowerCase().replaceAll(" ", "_");

/** What says of an item `{name, person, values}` what a column, as the server declares it, holds of it; null: unknown. */
export const reader = ({ name, place }) => (item) => (place === null ? item[name] : item.values?.[place]) ?? null;

/**
 * Read a filter over `columns`, as the server declares them; returns what says of an item whether it meets it. Throws
 * one clear line.
 */
export function parse(text, declared) {
  const tokens = split(text);
  const columns = new Map(declared.map((column) => [plain(column.name), column]));
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
    if (!token || !["word", "quoted"].includes(token.kind)) throw wrong("the name of a column, such as 'person'", token);
    const column = columns.get(plain(token.text.replaceAll('"', "")));
    if (!column) throw new Error(`The filter names ${token.text}, which this gallery does not know; it knows: ${declared.slice(0, 8).map((one) => one.name).join(", ")}`);
    const { name, kind } = column;
    const operator = tokens[at++];
    const sign = operator?.text.toLowerCase();
    if (!operator || !(sign in COMPARE || sign === "like")) throw wrong("one of = != < <= > >= like", operator);
    if (sign === "like" && kind !== "text") throw new Error(`'like' goes with texts only, and ${name} is a ${kind}; compare it with = < >`);
    const value = tokens[at++];
    const meets = NUMBERS.includes(kind) ? numbers(column, sign, value) : texts(column, sign, value);
    const read = reader(column);
    return (item) => { const held = read(item); return held !== null && meets(held); };
  }

  function numbers({ name }, sign, value) {
    if (value?.kind !== "number") throw wrong(`a number to compare ${name} with`, value);
    return (held) => COMPARE[sign](held, Number(value.text));
  }

  function texts({ name, kind }, sign, value) {
    if (value?.kind !== "text") throw wrong(`a ${kind} in single quotes to compare ${name} with`, value);
    const given = value.text.slice(1, -1).replaceAll("''", "'");
    if (sign === "like") return like(given);
    if (kind === "text") return (held) => COMPARE[sign](held, given);
    if (!TIME.test(given.trim())) throw new Error(`The filter compares ${name} with ${value.text}, which is no time; write as: '2024', '2024-05', '2024-05-17' or '2024-05-17 14:30'`);
    const time = given.trim().replace(" ", "T");
    return (held) => COMPARE[sign](held.slice(0, time.length), time);
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

/** % any characters, _ one, the case of letters does not matter. */
function like(pattern) {
  const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("%", "[^]*").replaceAll("_", "[^]");
  const expression = new RegExp(`^${source}$`, "i");
  return (given) => expression.test(given);
}
