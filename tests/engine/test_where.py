"""Filter clauses against the same comparison in Python, on real Milvus and odd products."""

import math
import os
import random
import re
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stored import a_manifest, unit_vectors

from catalog.product import Product
from engine.errors import WhereError
from engine.store import ItemRow, Store
from engine.where import compile_where, quoted

ODD = [
    "Makita",
    "makita",
    "Makit",
    "O'Neil & Sons",
    '6" rod',
    "back\\slash",
    '\\" or id != "',
    'x" or 1==1',
    "'] or price >= 0 or brand in ['",
    "line one\nline two\ttab",
    "50%_off",
    "钓鱼竿 🎣",
    "é",
    "e\u0301",
    "10",
    "10.0",
    "1e3",
    "-3",
    "true",
    "null",
    "  ",
    "a\u2028b\x85c",
    "nul\x00byte",
    "Tools > Drills",
    "Tools > Drills > Cordless",
    "Tools > Drillt",
    "\U0010ffff",
    "\ud7ff",
    "\ud7ff\U0010ffff",
    "long " * 100,
]
NUMBERS = [0.0, 5.0, 9.99, 10.0, 10.5, 1e22, 123456789.125, 1e-9, 9007199254740993.0]
KEYS = ["color", "Drive Type", "q'q", "ключ", "w/y", "t~q", "a.b", "0"]
FIELDS = ["id", "title", "brand", "category", "description", "currency", "url", "image_url"]
JSON_VALUES = [None, *ODD, *NUMBERS, -3, 10, 0, 2**53 + 1, True, False, [1, "a"]]
N = 90


def random_products():
    rng = random.Random(7)
    texts = [None, *ODD]
    return [
        Product(
            f"p{number}" if number % 3 else f"{ODD[number // 3 % 29]}{number}",
            title=rng.choice(ODD),
            brand=rng.choice(texts),
            category=rng.choice(texts),
            description=rng.choice(texts),
            price=rng.choice([None, *NUMBERS]),
            attributes={key: rng.choice(ODD) for key in rng.sample(KEYS, 3)},
            metadata={key: rng.choice(JSON_VALUES) for key in rng.sample(KEYS, 6)}
            | {"nested": {"inner": rng.choice(JSON_VALUES)}},
        )
        for number in range(N)
    ]


PRODUCTS = random_products()


class Shop:
    """Products in a collection, and which of them a clause finds."""

    def __init__(self, collection, products, nullable, lite):
        self.products = products
        self.nullable = nullable
        self.lite = lite
        self._collection = collection
        rows = zip(products, unit_vectors(len(products)), strict=True)
        collection.upsert([ItemRow(product, "text", "hash", vector) for product, vector in rows])
        collection.build_index()

    def find(self, *clauses):
        expression = compile_where(clauses, nullable=self.nullable)
        (found,) = self._collection.search_dense(unit_vectors(1), N, expression)
        return {candidate.id for candidate in found}

    def expect(self, comparison):
        return {p.id for p in self.products if comparison.holds(p, self)}


@pytest.fixture(scope="module", params=["nullable", "empty values", "server"])
def shop(request, tmp_path_factory):
    """On Milvus Lite; there too with the empty values that old servers hold; on a server."""
    uri = os.environ.get("LREM_TEST_MILVUS")
    if request.param != "server":
        uri = str(tmp_path_factory.mktemp("where") / "test.db")
    elif uri is None:
        pytest.skip("set LREM_TEST_MILVUS=http://host:19530 to test on a Milvus server too")
    products = [emptied(p) for p in PRODUCTS] if request.param == "empty values" else PRODUCTS
    with Store(uri) as store:
        name = f"test_{uuid4().hex}"
        collection = store.create(name, a_manifest())
        nullable = collection.has_text_search and request.param != "empty values"
        yield Shop(collection, products, nullable, request.param != "server")
        store.drop(name)


def emptied(product):
    return replace(
        product,
        **{name: getattr(product, name) or "" for name in FIELDS},
        price=math.nan if product.price is None else product.price,
        metadata=without_lists(product.metadata),
    )


def without_lists(values):
    """Lists count as null on old servers; Milvus Lite, which knows null, does not play along."""
    return {
        key: without_lists(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if not isinstance(value, list)
    }


class Comparison:
    """One comparison: how it is written, and what it means."""

    def __init__(self, path, operator, values=()):
        self.path = path
        self.operator = operator
        self.values = values

    def __repr__(self):
        name = ".".join(
            [self.path[0], *(k if re.fullmatch(r"[\w-]+", k) else quoted(k) for k in self.path[1:])]
        )
        written = [text if bare else quoted(text) for text, bare in self.values]
        if self.operator.endswith("in"):
            return f"{name} {self.operator} ({', '.join(written)})"
        return f"{name} {self.operator} {' and '.join(written)}".strip()

    def holds(self, product, shop):
        stored = getattr(product, self.path[0])
        for key in self.path[1:]:
            stored = stored.get(key) if isinstance(stored, dict) else None
        absent = stored is None or stored != stored or (stored == "" and self.path[0] != "metadata")
        if not shop.nullable and isinstance(stored, (list, dict)):
            absent = True
        if self.operator.startswith("is"):
            return absent == (self.operator == "is null")
        if absent or isinstance(stored, (list, dict)):
            return False
        if self.operator in ("=", "in"):
            return any(self.same(stored, value, shop) for value in self.values)
        if self.operator in ("!=", "not in"):
            return not any(self.same(stored, value, shop) for value in self.values)
        text = self.values[0][0]
        if self.operator == "^=":
            return isinstance(stored, str) and stored.startswith(text)
        if self.operator == "like":
            pattern = ".*".join(map(re.escape, text.split("%")))
            return isinstance(stored, str) and re.fullmatch(pattern, stored, re.DOTALL) is not None
        if self.operator == "between":
            low, high = self.values
            return self.ordered(stored, ">=", low, shop) and self.ordered(stored, "<=", high, shop)
        return self.ordered(stored, self.operator, self.values[0], shop)

    def same(self, stored, value, shop):
        text, bare = value
        if isinstance(stored, str):
            return stored == text
        literals = [number_of(text)] if bare and number_of(text) is not None else []
        if bare and text in ("true", "false"):
            literals = [text == "true"]
        return any(
            as_compared(stored, literal, shop) == literal
            and (shop.lite or isinstance(stored, bool) == isinstance(literal, bool))
            for literal in literals
        )

    def ordered(self, stored, operator, value, shop):
        text, bare = value
        literal = number_of(text) if bare and number_of(text) is not None else text
        if isinstance(stored, str) != isinstance(literal, str):
            return False
        if isinstance(stored, bool) and not shop.lite:
            return False
        stored = as_compared(stored, literal, shop)
        return {
            "<": stored < literal,
            "<=": stored <= literal,
            ">": stored > literal,
            ">=": stored >= literal,
        }[operator]


def as_compared(stored, literal, shop):
    """A server compares an integer with a floating point number as one."""
    return float(stored) if isinstance(literal, float) and not shop.lite else stored


def number_of(text):
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return None
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else float(text)


TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
)
NUMBER_TEXTS = st.one_of(
    st.sampled_from([repr(n) for n in NUMBERS] + ["10", "-3", "+5", ".5", "1e3", "9" * 25]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**80), 2**80).map(str),
)
BARE = re.compile(r"[^\s,()\"'=<>!^][^\s,()\"']*")


@st.composite
def values(draw, texts=TEXTS):
    """A text or number with whether it stands there bare."""
    text = draw(texts)
    may_be_bare = BARE.fullmatch(text) and text.lower() != "null"
    return text, bool(may_be_bare and draw(st.booleans()))


def numbers():
    return NUMBER_TEXTS.map(lambda text: (text, True))


@st.composite
def comparisons(draw):
    kind = draw(st.sampled_from(["text", "price", "attributes", "metadata"]))
    if kind == "price":
        path, operand = ("price",), numbers()
        operators = ["=", "!=", "<", "<=", ">", ">=", "in", "not in", "between"]
    elif kind == "metadata":
        path = draw(st.sampled_from([("metadata", k) for k in KEYS] + [NESTED]))
        operand = values(st.one_of(TEXTS, NUMBER_TEXTS, st.sampled_from(["true", "false", ""])))
        operators = ["=", "!=", "<", "<=", ">", ">=", "in", "not in", "^=", "like", "between"]
    else:
        path = draw(st.sampled_from([(f,) for f in FIELDS]))
        if kind == "attributes":
            path = ("attributes", draw(st.sampled_from(KEYS)))
        operand, operators = values(), ["=", "!=", "in", "not in", "^=", "like"]
    operator = draw(st.sampled_from([*operators, "is null", "is not null"]))
    if operator.startswith("is"):
        return Comparison(path, operator)
    if operator.endswith("in"):
        return Comparison(path, operator, draw(st.lists(operand, min_size=1, max_size=4)))
    if operator == "like":
        pattern = draw(TEXTS.map(lambda text: re.sub(r"[_\\%]", "", text)[:50]))
        return Comparison(path, operator, [(draw(PATTERNS).format(pattern), False)])
    if operator in ("<", "<=", ">", ">=", "between") and kind == "metadata":
        operand = draw(st.sampled_from([numbers(), values(TEXTS).map(lambda v: (v[0], False))]))
    drawn = [draw(operand) for _ in range(2 if operator == "between" else 1)]
    return Comparison(path, operator, drawn)


NESTED = ("metadata", "nested", "inner")
# Only prefixes, which every Milvus knows.
PATTERNS = st.just("{}%")


@settings(max_examples=150, deadline=None)
@given(comparison=comparisons())
@example(Comparison(("price",), "is null"))
@example(Comparison(("price",), "!=", [("10", True)]))
@example(Comparison(("brand",), "!=", [("Makita", False)]))
@example(Comparison(("brand",), "not in", [("Makita", False), ('x" or 1==1', False)]))
@example(Comparison(("metadata", "color"), "!=", [("10", True)]))
@example(Comparison(("metadata", "color"), "is null"))
@example(Comparison(("metadata", "color"), "=", [("true", True)]))
@example(Comparison(("category",), "^=", [("\U0010ffff", False)]))
@example(Comparison(("category",), "^=", [("\ud7ff", False)]))
def test_a_clause_means_what_it_says(shop, comparison):
    assert shop.find(repr(comparison)) == shop.expect(comparison)


@settings(max_examples=30, deadline=None)
@given(several=st.lists(comparisons(), min_size=2, max_size=4))
def test_all_clauses_must_hold(shop, several):
    wanted = set.intersection(*map(shop.expect, several))
    assert shop.find(*map(repr, several)) == wanted
    assert shop.find(" and ".join(map(repr, several))) == wanted


def test_quoted_text_is_found_and_nothing_else(shop):
    for number, text in enumerate(ODD):
        field = FIELDS[number % len(FIELDS)]
        wanted = {p.id for p in shop.products if getattr(p, field) == text}
        assert shop.find(f"{field} = {quoted(text)}") == wanted


def test_a_category_is_under_its_ancestors_and_itself(shop):
    paths = ("Tools", "Tools > Drills", 'x" or 1==1')
    for chosen in [*((path,) for path in paths), paths[1:]]:
        wanted = {
            p.id
            for p in shop.products
            if p.category and any(f"{p.category} > ".startswith(f"{path} > ") for path in chosen)
        }
        listed = ", ".join(map(quoted, chosen))
        assert shop.find(f"category under ({listed})") == wanted
        assert len(chosen) > 1 or shop.find(f"category under {listed}") == wanted


def test_comparisons_of_a_field_can_be_left_out():
    clauses = ["brand = Makita and price < 50", "brand != Bosch"]
    assert compile_where(clauses, without="brand") == compile_where("price < 50")
    assert compile_where("brand = Makita", without="brand") == ""


def test_patterns(shop):
    if not (shop.lite or shop.nullable):
        pytest.skip("Milvus before 2.4 knows % at the end only")
    for pattern in ("%rod", "%ri%", "%o%s%", "%", "Tools%less"):
        comparison = Comparison(("brand",), "like", [(pattern, False)])
        assert shop.find(repr(comparison)) == shop.expect(comparison)


def test_very_long_values(shop):
    assert shop.find(f"brand = {quoted('x' * 60_000)}") == set()
    assert shop.find(f"brand not in (Makita, {quoted('钓' * 20_000)})") == shop.expect(
        Comparison(("brand",), "!=", [("Makita", False)])
    )
    many = ", ".join(f"value{number}" for number in range(300))
    assert shop.find(f"attributes.color in (Makita, {many})") == shop.expect(
        Comparison(("attributes", "color"), "=", [("Makita", False)])
    )


PIECES = [*FIELDS[:3], "price", "metadata", "attributes", ".", "color", "=", "!=", "<", ">=", "^="]
PIECES += [
    "in",
    "under",
    "not",
    "between",
    "and",
    "like",
    "is",
    "null",
    "(",
    ")",
    ",",
    '"',
    "'",
    "\\",
    "%",
]
PIECES += ["10", "1e999", "x", "or", "==", "[", "]", "\ud800", "\n", " "]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join) | st.text(max_size=30))
@example("brand = 'x\" or 1==1'")
@example('brand = x" or 1==1')
@example('metadata."a\\"] == 1 or metadata[\\"a" = 1')
@example("brand = \ud800")
def test_any_text_is_compiled_or_refused(shop, text):
    try:
        compile_where(text)
    except WhereError as error:
        assert error.remedy
    else:
        shop.find(text)
