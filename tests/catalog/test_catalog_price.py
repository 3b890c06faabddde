"""The rule for prices as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.price import PriceParser
from catalog.rejects import RowFault


def parse_price(value):
    return PriceParser().parse(value)


CENTS = st.integers(0, 10**11)


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("12", 12, None),
        ("12.5", 12.5, None),
        ("12,50", 12.5, None),
        (".99", 0.99, None),
        ("0.125", 0.125, None),
        ("0,125", 0.125, None),
        ("1234.567", 1234.567, None),
        ("12.3456", 12.3456, None),
        ("1e3", 1000, None),
        ("-0.00", 0, None),
        ("$1,299.00", 1299, None),
        ("$1,299", 1299, None),
        ("1,299,000", 1299000, None),
        ("1.299.000", 1299000, None),
        ("1,00,000.50", 100000.5, None),
        ("1.299,00 €", 1299, "EUR"),
        ("12.50 EUR", 12.5, "EUR"),
        ("EUR 12.50", 12.5, "EUR"),
        ("£5", 5, "GBP"),
        ("US$1,299", 1299, "USD"),
        ("₹ 1,299", 1299, "INR"),
        ("1 299,00 zł", 1299, "PLN"),
        ("1\u00a0299\u00a0000,5 kr", 1299000.5, None),
        ("CHF 1'299.00", 1299, "CHF"),
        ("Rs. 500", 500, None),
    ],
)
def test_prices(text, amount, currency):
    assert parse_price(text) == (amount, currency)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.299", "ambiguous_price"),
        ("12.345 €", "ambiguous_price"),
        ("-5", "bad_price"),
        ("$-5", "bad_price"),
        ("inf", "bad_price"),
        ("1e999", "bad_price"),
        ("free", "bad_price"),
        ("from 5", "bad_price"),
        ("5 - 10", "bad_price"),
        ("5-10", "bad_price"),
        ("1,2,3", "bad_price"),
        ("1.29.9", "bad_price"),
        ("1,299.00,5", "bad_price"),
        ("12 34", "bad_price"),
        ("$5 USD", "bad_price"),
        ("$", "bad_price"),
        ("." * 10, "bad_price"),
        ("$" + " " * 100_000 + "x", "bad_price"),
    ],
)
def test_no_prices(text, reason):
    with pytest.raises(RowFault) as raised:
        parse_price(text)
    assert raised.value.reason == reason


@pytest.mark.parametrize(
    ("before", "amount"),
    [
        (["0.5"], 1.299),
        (["1,299.00"], 1.299),
        (["1,299,000"], 1.299),
        (["12,50 €"], 1299),
        (["1.299,00"], 1299),
        (["1.299.000"], 1299),
        (["12"], None),
        (["1,299"], None),
        (["12.50", "12,50"], None),
    ],
)
def test_the_prices_before_it_tell_what_a_point_means(before, amount):
    parser = PriceParser()
    for text in before:
        parser.parse(text)
    if amount is None:
        with pytest.raises(RowFault, match="may be"):
            parser.parse("1.299")
    else:
        assert parser.parse("1.299") == (amount, None)


def test_a_refused_price_tells_nothing():
    parser = PriceParser()
    for text in ("12.34.5", "free", "1,2,3"):
        with pytest.raises(RowFault, match=r".") as raised:
            parser.parse(text)
        assert raised.value.reason == "bad_price"
    with pytest.raises(RowFault, match="may be"):
        parser.parse("1.299")


@given(CENTS, st.sampled_from(["{}", "${}", "{} EUR", "€ {}", "{} kr"]), st.booleans())
def test_english_and_continental_writing_are_read_alike(cents, frame, grouped):
    text = f"{cents / 100:,.2f}" if grouped else f"{cents / 100:.2f}"
    swapped = text.translate(str.maketrans(",.", ".,"))
    spaced = text.replace(",", "\u202f")
    for written in (text, swapped, spaced):
        amount, _ = parse_price(frame.format(written))
        assert amount == float(f"{cents / 100:.2f}")


@given(st.text(alphabet="0123456789.,' $€-+eE", max_size=12) | st.text())
def test_any_text_is_a_price_or_has_a_reason(text):
    try:
        price = parse_price(text)
    except RowFault as fault:
        assert fault.reason in ("bad_price", "ambiguous_price")
        assert fault.detail
    else:
        assert price is None or price[0] >= 0


@given(st.floats(min_value=0, allow_infinity=False))
def test_what_a_machine_wrote_is_never_misread(value):
    try:
        amount, _ = parse_price(repr(value))
    except RowFault as fault:
        assert fault.reason == "ambiguous_price"
        assert len(repr(value).partition(".")[2]) == 3
    else:
        assert amount == value


@given(st.floats(min_value=0, allow_infinity=False) | st.integers(0, 10**15))
def test_numbers_are_taken_as_they_are(value):
    assert parse_price(value) == (value, None)
