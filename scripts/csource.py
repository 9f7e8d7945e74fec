#!/usr/bin/env python3
"""csource.py CHECK[,CHECK...] FILE... - reads C sources as tokens, and says what is wrong.

Prints an offence a line, as file:line: what is wrong, and ends with status 1 if there is one.

    statements    a line holds one statement, and no comma joins two
    conditionals  no ?: inside another ?: within the arguments of a call
    length        no function is longer than 60 lines
    parameters    at most 2 % of all functions have more than six parameters
    tokens        the mean number of tokens per line of code is at most 10

The last two look at all files together. scripts/house.py counts with the same functions. What is
read is the text: macros are not expanded, and functions that a macro writes are not seen.
"""
import re
import sys

MOST_LINES = 60
MOST_PARAMETERS = 6
MOST_WITH_MORE = 0.02
MOST_TOKENS = 10.0

TOKEN = re.compile(r"""
    (?P<space>[ \t\r\f\v]+|\\\n)
  | (?P<newline>\n)
  | (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<string>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*")
  | (?P<char>[uUL]?'(?:[^'\\\n]|\\.)*')
  | (?P<number>\.?[0-9](?:[eEpP][+-]|[\w.])*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<mark>\.\.\.|<<=|>>=|->|\+\+|--|<<|>>|[-+*/%&|^<>=!]=|&&|\|\||\#\#|.)
""", re.VERBOSE | re.DOTALL)

CONTROLS = {"if", "for", "while", "switch", "do"}
NOT_CALLS = CONTROLS | {"return", "sizeof", "else", "case", "_Alignof", "defined"}
TYPES = set("""static const extern typedef inline struct union enum unsigned signed int char short
    long float double void bool _Bool register volatile _Static_assert _Noreturn _Thread_local
    _Alignas auto size_t""".split())


class Token:
    __slots__ = ("kind", "text", "line", "directive")

    def __init__(self, kind, text, line, directive):
        self.kind = kind
        self.text = text
        self.line = line
        self.directive = directive  # "" or the directive's name: "if", "define"

    def __repr__(self):
        return f"{self.line}:{self.text}"


def tokens_of(text):
    """All tokens without comments. Those of a preprocessor line know its directive."""
    tokens = []
    line = 1
    at_start = True
    directive = ""
    first = None  # the # whose directive's name is the next token
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        word = match.group()
        if kind == "newline":
            at_start = True
            directive = ""
            first = None
        elif kind not in ("space", "comment"):
            if word == "#" and at_start:
                directive = "#"
            token = Token(kind, word, line, directive)
            tokens.append(token)
            if word == "#" and at_start:
                first = token
            elif first:
                directive = first.directive = token.directive = word
                first = None
            at_start = False
        line += word.count("\n")
    return tokens


def tokens_per_line(tokens):
    """Numbers of tokens of all lines of code, in order. The name in <angles> is one token."""
    counts = {}
    inside = False
    for token in tokens:
        if token.directive == "include" and token.text == "<":
            inside = True
        if not inside:
            counts[token.line] = counts.get(token.line, 0) + 1
        if inside and token.text == ">":
            inside = False
            counts[token.line] = counts.get(token.line, 0) + 1
    return [counts[line] for line in sorted(counts)]


# ---- functions ----------------------------------------------------------------------------------


class Function:
    def __init__(self, name, first, line, parameters):
        self.name = name
        self.first = first  # the line on which it begins
        self.line = line  # that of its name
        self.last = line
        self.parameters = parameters

    def lines(self):
        return self.last - self.first + 1


def opening(tokens, close):
    """The index of the bracket that the one at `close` closes."""
    depth = 0
    for i in range(close, -1, -1):
        if tokens[i].text in ")]}":
            depth += 1
        elif tokens[i].text in "([{":
            depth -= 1
            if depth == 0:
                return i
    return -1


def parameters_in(tokens, begin, end):
    """Number of parameters between two parentheses."""
    inner = [t.text for t in tokens[begin + 1:end]]
    if not inner or inner == ["void"]:
        return 0
    depth = 0
    count = 1
    for text in inner:
        if text in "([{":
            depth += 1
        elif text in ")]}":
            depth -= 1
        elif text == "," and depth == 0:
            count += 1
    return count


def function_at(tokens, brace, start):
    """The function whose body begins with the brace, or None."""
    close = brace - 1
    while close > start and tokens[close].text == ")":
        begin = opening(tokens, close)
        name = tokens[begin - 1] if begin > start else None
        if name and name.text == ")":  # NAME(dots)(...): a macro makes the name
            name = tokens[opening(tokens, begin - 1) - 1]
        if not name or name.kind != "name":
            return None
        if name.text not in ("__attribute__", "__asm__"):
            count = parameters_in(tokens, begin, close)
            return Function(name.text, tokens[start].line, name.line, count)
        close = begin - 2
    return None


def functions_of(tokens):
    """All functions with a body. Behind #else the text goes on as it stood at its #if."""
    functions = []
    code = []  # tokens outside preprocessor lines
    depth = 0
    start = 0  # index of the first token of the declaration
    current = None
    saved = []
    for token in tokens:
        if token.directive:
            if token.text == "#":
                if token.directive in ("if", "ifdef", "ifndef"):
                    saved.append(depth)
                elif token.directive in ("else", "elif") and saved:
                    depth = saved[-1]
                elif token.directive == "endif" and saved:
                    saved.pop()
            continue
        code.append(token)
        i = len(code) - 1
        if token.text == "{":
            if depth == 0 and i > 0 and code[i - 1].kind == "string":
                start = i + 1  # extern "C" {
                continue
            if depth == 0:
                current = function_at(code, i, start)
            depth += 1
        elif token.text == "}":
            depth = max(depth - 1, 0)
            if depth == 0:
                if current:
                    current.last = token.line
                    functions.append(current)
                    current = None
                    start = i + 1
                elif i > 0 and start == i:
                    start = i + 1
        elif token.text == ";" and depth == 0:
            start = i + 1
    return functions


# ---- statements ---------------------------------------------------------------------------------


def is_declaration(statement):
    """Whether tokens of a statement, without what controls it, declare something."""
    texts = [t.text for t in statement]
    if texts[0] in TYPES:
        return True
    if statement[0].kind == "name" and texts[0] not in ("return", "goto"):
        i = 1
        while i < len(texts) and texts[i] in ("*", "const"):
            i += 1
        after = texts[i + 1] if i + 1 < len(texts) else ";"
        if i < len(texts) and statement[i].kind == "name" and after in ("=", ",", ";", "[", "("):
            return True
    depth = 0
    for text in texts:
        if text in "([{":
            depth += 1
        elif text in ")]}":
            depth -= 1
        elif depth == 0 and text in ("static", "extern", "typedef", "struct", "enum", "const"):
            return True
    return False


def commas_of(statement):
    """The commas of a statement that are in no bracket."""
    depth = 0
    commas = []
    for token in statement:
        if token.text in "([{":
            depth += 1
        elif token.text in ")]}":
            depth -= 1
        elif token.text == "," and depth == 0:
            commas.append(token)
    return commas


def closing(tokens, i):
    """The index behind the bracket that closes the one at i."""
    depth = 0
    while i < len(tokens):
        if tokens[i].text in "([{":
            depth += 1
        elif tokens[i].text in ")]}":
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return i


def without_controls(statement):
    """A statement without the if (...), for (...), case ...: in front; and their conditions."""
    conditions = []
    i = 0
    while i < len(statement):
        text = statement[i].text
        if text in ("if", "while", "switch", "for") and i + 1 < len(statement):
            end = closing(statement, i + 1)
            if text != "for":
                conditions.append(statement[i + 2:end - 1])
            i = end
        elif text in ("else", "do"):
            i += 1
        elif text in ("case", "default"):
            while i < len(statement) and statement[i].text != ":":
                i += 1
            i += 1
        elif statement[i].kind == "name" and [t.text for t in statement[i + 1:i + 2]] == [":"]:
            i += 2
        else:
            break
    return statement[i:], conditions


def opens_block(statement, depth):
    """Whether a brace behind these tokens begins a block, not a list of values."""
    if depth > 0:
        return False
    if not statement:
        return True
    last = statement[-1]
    texts = [t.text for t in statement]
    if last.text in ("=", ",", "{", "return", "("):
        return False
    # A macro without a semicolon may stand before the enum.
    if "enum" in texts and "(" not in texts[texts.index("enum"):]:
        return False
    if last.text != ")":
        return True
    rest, _ = without_controls(statement)
    if not rest:
        return True
    # A body follows a declaration of a function; a list of values follows (type).
    begin = opening(statement, len(statement) - 1)
    before = statement[begin - 1] if begin > 0 else None
    return before is not None and before.kind == "name" and before.text not in NOT_CALLS


def statements_in(tokens):
    """Lists of tokens, each of one statement or of what stands before a block."""
    statement = []
    depth = 0  # of parentheses, and of braces that hold values
    for token in tokens:
        text = token.text
        if text == "{" and opens_block(statement, depth):
            yield statement
            statement = []
            continue
        if text == "}" and depth == 0:
            yield statement
            statement = []
            continue
        if text == ";" and depth == 0:
            yield statement
            statement = []
            continue
        if text in "([{":
            depth += 1
        elif text in ")]}":
            depth = max(depth - 1, 0)
        statement.append(token)
    yield statement


def code_and_macros(tokens):
    """The tokens of the code, and those of each macro's text."""
    code = []
    macros = []
    for token in tokens:
        if not token.directive:
            code.append(token)
        elif token.text == "#" and token.directive == "define":
            macros.append([])
        elif token.directive == "define" and macros:
            macros[-1].append(token)
    bodies = []
    for macro in macros:
        body = macro[2:]  # without define and the name
        if len(body) > 0 and body[0].text == "(":
            body = body[closing(body, 0):]
        bodies.append(body)
    return code, bodies


def statement_offences(tokens):
    """Lines with more than one statement, as pairs of a line and what is wrong."""
    found = {}
    code, macros = code_and_macros(tokens)
    for part in [code] + macros:
        ends = {}
        controls = {}
        brackets = []
        before = None
        for token in part:
            text = token.text
            if text in "([{":
                brackets.append(before is not None and before.text == "for" and text == "(")
            elif text in ")]}" and brackets:
                brackets.pop()
            elif text == ";" and not any(brackets):
                ends[token.line] = ends.get(token.line, 0) + 1
            if text in CONTROLS:
                controls.setdefault(token.line, []).append(text)
            before = token
        for line, count in ends.items():
            if count > 1:
                found[line] = f"{count} statements in a line"
        for line, words in controls.items():
            if len(words) > 1 and words != ["do", "while"]:
                found.setdefault(line, "`" + "` and `".join(words) + "` in a line")
    for statement in statements_in(code):
        if not statement:
            continue
        rest, conditions = without_controls(statement)
        if rest and not is_declaration(rest) and commas_of(rest):
            found.setdefault(commas_of(rest)[0].line, "a comma joins statements")
        for condition in conditions:
            if commas_of(condition):
                found.setdefault(commas_of(condition)[0].line, "a comma in a condition")
    return sorted(found.items())


# ---- conditional expressions --------------------------------------------------------------------


class Segment:
    """What stands between two commas or semicolons of a bracket."""

    def __init__(self, in_call, outer):
        self.in_call = in_call
        self.outer = outer
        self.questions = []


def is_called(tokens, i):
    """Whether the parenthesis at i holds the arguments of a call: f(, f[i](, (*f)(, not a cast."""
    before = tokens[i - 1] if i > 0 else None
    if before is None:
        return False
    if before.text == ")":
        begin = opening(tokens, i - 1)
        if tokens[begin + 1].text == "*":
            return True
        before = tokens[begin - 1] if begin > 0 else before
    return before.text == "]" or before.kind == "name" and before.text not in NOT_CALLS


def nested_conditionals(tokens):
    """The ? of every ?: that stands within arguments of a call and inside another ?:."""
    segments = []
    code, macros = code_and_macros(tokens)
    for part in [code] + macros:
        stack = [Segment(False, None)]
        segments.append(stack[0])
        before = None
        for i, token in enumerate(part):
            text = token.text
            if text in "([{":
                called = text == "(" and is_called(part, i)
                block = text == "{" and (before is None or before.text in ";{}")
                outer = None if block else stack[-1]
                stack.append(Segment(called or (outer is not None and outer.in_call), outer))
                segments.append(stack[-1])
            elif text in ")]}" and len(stack) > 1:
                stack.pop()
                if text == "}" and not stack[-1].in_call:
                    stack[-1] = Segment(stack[-1].in_call, stack[-1].outer)
                    segments.append(stack[-1])
            elif text in ",;":
                stack[-1] = Segment(stack[-1].in_call, stack[-1].outer)
                segments.append(stack[-1])
            elif text == "?":
                stack[-1].questions.append(token)
            before = token
    nested = []
    for segment in segments:
        if not segment.in_call:
            continue
        around = segment.outer
        inside = False
        while around:
            inside = inside or bool(around.questions)
            around = around.outer
        nested += segment.questions if inside else segment.questions[1:]
    return sorted(nested, key=lambda t: t.line)


# ---- offences -----------------------------------------------------------------------------------


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def offences(checks, files):
    """All offences as pairs of a place and what is wrong."""
    found = []
    functions = []
    lines = []
    for path in files:
        tokens = tokens_of(read(path))
        if "statements" in checks:
            for line, what in statement_offences(tokens):
                found.append((f"{path}:{line}", what))
        if "conditionals" in checks:
            for token in nested_conditionals(tokens):
                found.append((f"{path}:{token.line}", "?: inside ?: in arguments of a call"))
        functions += [(path, f) for f in functions_of(tokens)]
        lines += tokens_per_line(tokens)
    if "length" in checks:
        for path, f in functions:
            if f.lines() > MOST_LINES:
                what = f"{f.name} has {f.lines()} lines; {MOST_LINES} are allowed"
                found.append((f"{path}:{f.line}", what))
    if "parameters" in checks:
        many = [(path, f) for path, f in functions if f.parameters > MOST_PARAMETERS]
        if len(many) > MOST_WITH_MORE * len(functions):
            share = f"{len(many)} of {len(functions)} functions have more than {MOST_PARAMETERS}"
            for path, f in many:
                what = f"{f.name} has {f.parameters} parameters; {share}"
                found.append((f"{path}:{f.line}", what))
    if "tokens" in checks and lines:
        mean = sum(lines) / len(lines)
        if mean > MOST_TOKENS:
            what = f"{mean:.2f} tokens per line in the mean of all; {MOST_TOKENS:g} are allowed"
            found.append((f"{files[0]}:1", what))
    return found


def main():
    known = {"statements", "conditionals", "length", "parameters", "tokens"}
    if len(sys.argv) < 3 or not set(sys.argv[1].split(",")) <= known:
        sys.exit("usage: csource.py CHECK[,CHECK...] FILE...   CHECK: " + " ".join(sorted(known)))
    found = offences(set(sys.argv[1].split(",")), sys.argv[2:])
    for place, what in found:
        print(f"{place}: {what}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
