"""Mutants of one C file: a list of small changes, each made on its tokens.

Knows as much of C as the core's own style needs: tokens, brackets, where a block
and where an initializer begins, where a statement begins and ends.
"""
import bisect
import re
from dataclasses import dataclass

TOKEN = re.compile(r"""
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<char>'(?:[^'\\\n]|\\.)+')
  | (?P<float>\d+\.\d+)
  | (?P<int>0[xX][0-9a-fA-F]+|\d+)[uUlL]*
  | (?P<word>[A-Za-z_]\w*)
  | (?P<op><<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^!~<>=?:;,.(){}\[\]])
  | (?P<space>\s+)
""", re.X | re.S | re.M)

COMPARISONS = {
    "<": [">=", "<="], "<=": [">", "<"], ">": ["<=", ">="], ">=": ["<", ">"],
    "==": ["!="], "!=": ["=="],
}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "/", "+=": "-=", "-=": "+=",
              ">>": "<<", "<<": ">>", "&": "|", "|": "&"}
TYPES = {"const", "static", "struct", "enum", "int", "bool", "size_t", "double", "char", "void",
         "unsigned", "typedef", "int64_t", "uint64_t", "int32_t", "uint32_t", "uint16_t", "uint8_t"}
OPENING, CLOSING = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
COMMUTATIVE = {"id_equal", "slice_equal"}
HEADS = {"if", "while", "for", "switch"}


@dataclass(frozen=True)
class Mutant:
    file: str
    function: str  # in which it is; empty outside of any
    line: int
    before: str  # the line that is changed
    after: str   # and what it is then
    what: str
    text: str    # the whole file

    @property
    def key(self):
        return (self.file, self.function, self.before, self.after)


@dataclass
class Token:
    kind: str
    text: str
    start: int
    mate: int = -1      # of a bracket: index of its other end
    block: bool = False  # of a brace: statements are inside
    depth: int = 0       # how many braces are around it
    result: str = ""     # inside a function: its type
    function: str = ""   # and its name


def tokenize(text):
    tokens, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ValueError(f"no token at {text[at:at + 20]!r}")
        if match.lastgroup not in ("comment", "space"):
            tokens.append(Token(match.lastgroup, match.group(), at))
        at = match.end()
    return tokens


def pair_brackets(tokens):
    stack = []
    for i, t in enumerate(tokens):
        if t.kind != "op":
            t.depth = sum(1 for j in stack if tokens[j].text == "{")
            continue
        if t.text in CLOSING:
            j = stack.pop()
            t.mate, tokens[j].mate = j, i
        t.depth = sum(1 for j in stack if tokens[j].text == "{")
        if t.text in OPENING:
            stack.append(i)


def is_block(tokens, i):
    """True if the brace at i opens statements, not an initializer or a type."""
    before = tokens[i - 1].text if i else ""
    if before in ("else", "do", ";", "{", "}", ":"):
        return tokens[i].depth > 0
    if before != ")":
        return False
    head = tokens[tokens[i - 1].mate - 1]
    return head.kind == "word" and head.text not in ("return", "sizeof")


def mark_blocks(tokens):
    for i, t in enumerate(tokens):
        if t.text == "{" and t.kind == "op" and is_block(tokens, i):
            t.block = tokens[t.mate].block = True
            if t.depth == 0:
                result, name = result_type(tokens, i)
                for inner in tokens[i:t.mate]:
                    inner.result, inner.function = result, name


def result_type(tokens, brace):
    """Type and name of the function whose body begins at brace."""
    name = tokens[brace - 1].mate - 1
    words, i = [], name - 1
    while i >= 0 and (tokens[i].kind == "word" or tokens[i].text == "*"):
        words.insert(0, tokens[i].text)
        i -= 1
    plain = " ".join(w for w in words if w not in ("static", "inline", "const"))
    return plain, tokens[name].text


class Maker:
    """Collects the mutants of one file."""

    def __init__(self, file, text):
        self.file, self.text = file, text
        self.tokens = tokenize(text)
        pair_brackets(self.tokens)
        mark_blocks(self.tokens)
        self.found, self.seen = [], {text}

    def add(self, start, end, new, what):
        """Replaces text[start:end]."""
        text = self.text[:start] + new + self.text[end:]
        if text in self.seen:
            return
        self.seen.add(text)
        first = self.text.rfind("\n", 0, start) + 1
        last = self.text.find("\n", end)
        before = " ".join(self.text[first:last].split())
        after = " ".join((self.text[first:start] + new + self.text[end:last]).split())
        line = self.text.count("\n", 0, start) + 1
        at = bisect.bisect([t.start for t in self.tokens], start) - 1
        self.found.append(Mutant(self.file, self.tokens[at].function, line, before, after, what,
                                 text))

    def span(self, first, last):
        """Text positions of the tokens first to last, both included."""
        return self.tokens[first].start, self.tokens[last].start + len(self.tokens[last].text)

    def source(self, first, last):
        start, end = self.span(first, last)
        return self.text[start:end]

    def is_binary(self, i):
        before = self.tokens[i - 1]
        return before.kind in ("int", "float", "char") or before.text in (")", "]") or (
            before.kind == "word" and before.text not in TYPES | {"return", "case"})

    def is_code(self, i):
        return self.tokens[i].depth > 0

    # --- single tokens ---------------------------------------------------------------------

    def mutate_tokens(self):
        for i, t in enumerate(self.tokens):
            if t.kind == "directive":
                self.mutate_directive(t)
            elif not self.is_code(i):
                continue
            elif t.kind in ("int", "float"):
                self.mutate_number(t.start, t.text)
            elif t.text in ("true", "false"):
                self.replace(i, "false" if t.text == "true" else "true", "literal")
            elif t.kind == "op":
                self.mutate_operator(i)

    def replace(self, i, new, what):
        t = self.tokens[i]
        self.add(t.start, t.start + len(t.text), new, what)

    def mutate_operator(self, i):
        text = self.tokens[i].text
        if text in COMPARISONS:
            for other in COMPARISONS[text]:
                self.replace(i, other, "comparison")
        elif text in ("&&", "||"):
            self.replace(i, "||" if text == "&&" else "&&", "connective")
        elif text == "!":
            self.replace(i, "", "negation removed")
        elif text in ARITHMETIC and (self.is_binary(i) or text in ("+=", "-=")):
            if self.tokens[i + 1].text not in (")", ","):  # a pointer in a cast
                self.replace(i, ARITHMETIC[text], "arithmetic")
        elif text == "?":
            start = self.expression_start(i)
            begin, end = self.span(start, i - 1)
            if not self.negates_itself(start, i - 1):
                self.add(begin, end, f"!({self.text[begin:end]})", "condition negated")

    def mutate_number(self, start, text):
        if "." in text:
            for factor in (1.01, 0.99):
                self.add(start, start + len(text), repr(float(text) * factor), "constant")
            return
        value = int(text.rstrip("uUlL"), 0)
        for other in (value + 1, value - 1):
            new = str(other) if other >= 0 else f"({other})"
            self.add(start, start + len(text), new, "constant")

    def mutate_directive(self, t):
        match = re.match(r"\s*#\s*define\s+\w+\s+(.*)", t.text, re.S)
        if not match:
            return
        for number in re.finditer(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", match.group(1)):
            self.mutate_number(t.start + match.start(1) + number.start(), number.group())

    def expression_start(self, i):
        """Where the condition of the ternary at i begins."""
        j = i - 1
        while True:
            t = self.tokens[j]
            if t.kind == "op" and t.text in CLOSING:
                j = t.mate
            elif t.text in ("(", "[", "{", ",", ";", "?", ":", "=", "return"):
                return j + 1
            j -= 1

    def negates_itself(self, first, last):
        """True if negating the condition only repeats what another mutant does."""
        ops = [t.text for t in self.tokens[first:last + 1] if t.kind == "op"]
        compares = sum(1 for o in ops if o in COMPARISONS)
        if "&&" in ops or "||" in ops or "?" in ops:
            return False
        return compares == 1 or (compares == 0 and ops.count("!") == 1 and
                                 self.tokens[first].text == "!")

    # --- statements --------------------------------------------------------------------------

    def mutate_statements(self):
        for i, t in enumerate(self.tokens):
            if t.kind == "word" and t.text in ("if", "while") and self.is_code(i):
                opening = i + 1
                first, last = opening + 1, self.tokens[opening].mate - 1
                if not self.negates_itself(first, last):
                    begin, end = self.span(first, last)
                    self.add(begin, end, f"!({self.text[begin:end]})", "condition negated")
            if self.begins_statement(i):
                self.mutate_statement(i)

    def begins_statement(self, i):
        if i == 0 or not self.is_code(i):
            return False
        before, t = self.tokens[i - 1], self.tokens[i]
        if t.kind == "op" and t.text in ("{", "}", ";"):
            return False
        if before.text in (";", "else") or (before.text in ("{", "}") and before.block):
            return not self.is_in_header(i)
        if before.text == ")":
            return self.tokens[before.mate - 1].text in HEADS
        return before.text == ":" and self.is_label(i - 1)

    def is_in_header(self, i):
        """True inside the round brackets of a for."""
        depth = 0
        for t in reversed(self.tokens[:i]):
            if t.kind != "op":
                continue
            if t.text in (")", "]"):
                depth += 1
            elif t.text in ("(", "["):
                depth -= 1
                if depth < 0:
                    return True
            elif t.text in ("{", "}"):
                return False
        return False

    def is_label(self, colon):
        j = colon - 1
        while self.tokens[j].kind != "op" or self.tokens[j].text not in (";", "{", "}", "?", ":"):
            if self.tokens[j].text in ("case", "default"):
                return True
            j -= 1
        return False

    def statement_end(self, i):
        while self.tokens[i].text != ";" or self.tokens[i].kind != "op":
            i = self.tokens[i].mate + 1 if self.tokens[i].text in OPENING else i + 1
        return i

    def mutate_statement(self, i):
        word = self.tokens[i].text
        if word in HEADS | TYPES | {"case", "default", "else", "do"}:
            return
        end = self.statement_end(i)
        begin, stop = self.span(i, end)
        if word == "return":
            self.mutate_return(i, end)
        elif word in ("break", "continue"):
            other = "continue" if word == "break" else "break"
            self.add(begin, stop, other + ";", "jump")
            if word == "continue":
                self.add(begin, stop, ";", "statement dropped")
        else:
            self.add(begin, stop, ";", "statement dropped")

    def mutate_return(self, i, end):
        result = self.tokens[i].result
        begin, stop = self.span(i, end)
        if self.tokens[i - 1].text == ")":
            self.add(begin, stop, ";", "return dropped")
        if end == i + 1 or result == "void":
            return
        value = self.source(i + 1, end - 1)
        if result == "bool":
            if value not in ("true", "false") and not self.negates_itself(i + 1, end - 1):
                self.add(begin, stop, f"return !({value});", "result negated")
        elif result.startswith("struct") and "*" not in result:
            self.add(begin, stop, f"return ({result}){{0}};", "result replaced")
        else:
            self.add(begin, stop, "return 0;", "result replaced")
            if "*" not in result and result.startswith("enum"):
                self.add(begin, stop, f"return ({value}) + 1;", "result replaced")

    # --- calls and initializers -------------------------------------------------------------------

    def mutate_lists(self):
        for i, t in enumerate(self.tokens):
            if t.kind != "op" or not self.is_code(i):
                continue
            if t.text == "(" and self.tokens[i - 1].kind == "word" and (
                    self.tokens[i - 1].text not in HEADS | TYPES | {"return", "sizeof"}):
                self.swap_arguments(i)
            elif t.text == "{" and not t.block:
                self.drop_initializers(i)

    def items(self, opening):
        """First and last token of each item between commas."""
        items, first, i = [], opening + 1, opening + 1
        while i <= self.tokens[opening].mate:
            t = self.tokens[i]
            if t.text in (",", ")", "}") and i == self.tokens[opening].mate or t.text == ",":
                if i > first:
                    items.append((first, i - 1))
                first = i + 1
            i = t.mate + 1 if t.text in OPENING and t.kind == "op" else i + 1
        return items

    def swap_arguments(self, opening):
        if self.tokens[opening - 1].text in COMMUTATIVE or self.compares_strings(opening):
            return
        items = self.items(opening)
        for a, b in zip(items, items[1:]):
            left, right = self.source(*a), self.source(*b)
            begin, end = self.span(a[0], b[1])
            if left != right:
                self.add(begin, end, f"{right}, {left}", "arguments swapped")

    def compares_strings(self, opening):
        """strcmp(a, b) == 0 is the same either way round."""
        after = self.tokens[self.tokens[opening].mate + 1]
        return self.tokens[opening - 1].text == "strcmp" and after.text in ("==", "!=")

    def drop_initializers(self, opening):
        for first, last in self.items(opening):
            if self.tokens[first].text not in (".", "["):
                continue
            begin, end = self.span(first, last)
            if self.tokens[last + 1].text == ",":
                end = self.tokens[last + 1].start + 1
            self.add(begin, end, "", "initializer dropped")


def mutants_of(file, text):
    maker = Maker(file, text)
    maker.mutate_tokens()
    maker.mutate_statements()
    maker.mutate_lists()
    return sorted(maker.found, key=lambda m: m.line)
