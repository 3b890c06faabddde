"""How clauses are read, and what is said of those that cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineError, WhereError
from engine.where import compile_where, quoted
from engine.where_parse import parse_clause


@pytest.mark.parametrize(
    ("clause", "message", "caret", "remedy"),
    [
        ("prise<50", "no field prise", "prise", "price, attributes.NAME, metadata.NAME"),
        ("prise<50", "no field prise", "prise", "metadata.prise"),
        ("price.net = 5", "no field price.net", "price", "metadata.net"),
        ("metadata = 5", "metadata needs a name", "metadata", "metadata.NAME"),
        ("price < cheap", "price compares with numbers only", "cheap", "1499.90"),
        ('price < "50"', "price compares with numbers only", '"50"', "without quotes"),
        ("price = $50", "numbers only", "$50", "without quotes, unit"),
        ("price < 1e999", "too large", "1e999", "smaller"),
        ("price < 1,000", "should end here", ",000", "Quote a value"),
        ("price ^= 5", "price is a number", "^= 5", "between"),
        ("brand = Black & Decker", "should end here", "& Decker", '"Black & Decker"'),
        ("brand = a or brand = b", "should end here", "or brand", "brand in (Makita, Bosch)"),
        ("brand = O'Neil", "where a quote or bracket begins", "'Neil", "in quotes"),
        ("brand in [a, b]", "round brackets", "[a, b]", "brand in ("),
        ("brand in (a, b", "comma or end with a bracket", "", "brand in ("),
        ("brand in ()", "value should stand here", ")", "in quotes"),
        ('brand = "Makita', "never closed", '"Makita', 'Put "'),
        (r'brand = "a\b"', "backslash goes before", r"\b", r"\\"),
        ("brand > M", "text, which has no order", "> M", "^="),
        ("brand under Makita", "Only a category", "under", "^="),
        ("category under (a", "comma or end with a bracket", "", "brand in ("),
        ('brand = ""', "absent value", '""', "brand is null"),
        ("brand = null", "null equals nothing", "null", "brand is null"),
        ("attributes.size < 5", "attributes.size is text", "< 5", "^="),
        ("metadata.ok < true", "no order", "true", "quotes"),
        ("metadata.day between 5 and x", "the other is text", "x", "10 and 20"),
        ("metadata.tags.0 = x", "list cannot be reached into", "metadata", "object"),
        ('metadata."a[0]" = x', "holds '['", "metadata", "another name"),
        ('metadata."" = x', "is empty", "metadata", "another name"),
        ("metadata. = x", "key should stand here", " = x", "Drive Type"),
        ("title like 50%_off", "cannot hold _", "50%_off", "%"),
        ("price", "operator should stand here", "", "begins with"),
        ("price between 5", "and should stand here", "", "10 and 20"),
        ("= 5", "name of a field", "= 5", "price < 50"),
        ("钓鱼 = x and price < y", "no field 钓鱼", "钓鱼", "metadata.钓鱼"),
    ],
)
def test_faults_are_pointed_at(clause, message, caret, remedy):
    with pytest.raises(WhereError) as caught:
        compile_where(["brand = Makita", clause])
    problem, shown, pointer = caught.value.message.split("\n")
    assert message in problem
    assert shown == f"  {clause}"
    at_fault = shown[pointer.index("^") :]
    assert at_fault.startswith(caret) if caret else at_fault == ""
    assert remedy in caught.value.remedy
    assert isinstance(caught.value, EngineError)


def test_the_caret_stands_under_wide_letters_and_in_long_clauses():
    with pytest.raises(WhereError) as caught:
        compile_where('brand = "钓鱼竿" or price < 5')
    assert caught.value.message.split("\n")[2] == "  " + " " * len('brand = "xxxxxx" ') + "^"
    with pytest.raises(WhereError) as caught:
        compile_where(f"brand = {'x' * 5_000} ; y{'z' * 5_000}")
    _, shown, pointer = caught.value.message.split("\n")
    assert len(shown) < 100
    assert shown[pointer.index("^") :].startswith("; y")


@pytest.mark.parametrize("clauses", ["", "  ", ["price < 5", ""], [" "]])
def test_an_empty_clause_is_refused(clauses):
    with pytest.raises(WhereError, match="empty"):
        compile_where(clauses)


def test_no_clause_is_no_filter():
    assert compile_where([]) == ""
    assert compile_where(()) == ""


@given(st.text())
def test_quoted_text_is_read_back(text):
    (comparison,) = parse_clause(f"brand = {quoted(text)}")
    assert comparison.values[0].text == text
    assert comparison.values[0].quoted


def test_spellings_of_one_clause():
    wanted = compile_where('brand in ("Makita", "Bosch")')
    for same in (
        "brand in(Makita,Bosch)",
        "brand IN ('Makita' , Bosch )",
        " brand\tin (Makita,Bosch)",
    ):
        assert compile_where(same) == wanted
    assert compile_where("price == 5") == compile_where("price=5.0") == compile_where("price = 5")
    assert compile_where('attributes."color" = red') == compile_where("attributes.color = 'red'")
    assert compile_where("brand IS  NOT NULL") == compile_where("brand is not null")
    assert compile_where("price>1 AND price<5") == compile_where(["price > 1", "price < 5"])
