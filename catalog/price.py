"""Prices as shops write them.

The rule for text such as "$1,299.00", "12.50 EUR" or "1.299,00 €":

1. A currency before or after the number is taken off: a symbol, or a code of three letters.
2. Spaces, no-break spaces and apostrophes inside the number separate thousands.
3. Where both "," and "." occur, the last one is the decimal separator, the other separates
   thousands. A separator that occurs twice separates thousands.
4. A single separator is decimal, unless it has exactly three digits after it and one to three
   digits, not beginning with 0, before it. Then "1,299" is 1299, because nobody writes prices with
   three decimals after a comma; and "1.299" is ambiguous, because machines write 1.299 so and
   half of Europe 1299.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from catalog.rejects import RowFault

# "$", "¥", "kr" and "Rs" are several currencies, so they name none.
CURRENCY_SYMBOLS = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "₫": "VND",
    "₪": "ILS",
    "US$": "USD",
    "C$": "CAD",
    "A$": "AUD",
    "R$": "BRL",
    "zł": "PLN",
}
_CURRENCY = "|".join(map(re.escape, CURRENCY_SYMBOLS)) + r"|\$|¥|[Kk]r\.?|Rs\.?|[A-Z]{3}"
_PRICE = re.compile(
    rf"({_CURRENCY})?\s*([+\-−]?)\s*({_CURRENCY})?\s*([0-9.,\s'’]*[0-9])\s*({_CURRENCY})?"
)
_PLAIN = re.compile(r"[0-9]+(\.([0-9]{1,2}|[0-9]{4,}))?")
_EXPONENT = re.compile(r"-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]+")
_SPACES = re.compile(r"(?<=[0-9])[\s'’](?=[0-9]{3}(?![0-9]))")
_GROUPED = r"[0-9]{1,3}(?:%s[0-9]{2,3})*%s[0-9]{3}"

_CHARACTERS = 40

Price = tuple[float, "str | None"]


def parse_price(value: Any) -> Price | None:
    """Read a price.

    Args:
        value: A number, or text by the rule above.

    Returns:
        The amount, and the currency's ISO 4217 code where the text names one; None for empty text.

    Raises:
        RowFault: It is no price, or the text can be read in two ways.
    """
    code = None
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _PLAIN.fullmatch(text):
            amount = float(text)
        else:
            amount, code = _parse_text(text)
    elif isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        try:
            amount = float(value)
        except OverflowError:
            amount = math.inf
    else:
        raise RowFault("wrong_type", f"a price is a number or text, not {type(value).__name__}")
    if not math.isfinite(amount):
        raise RowFault("bad_price", "the price is not a finite number")
    if amount < 0:
        raise RowFault("bad_price", "the price is negative")
    return amount, code


def _parse_text(text: str) -> Price:
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return math.nan, None
    if _EXPONENT.fullmatch(text):
        return float(text), None
    match = _PRICE.fullmatch(text) if len(text) <= _CHARACTERS else None
    currencies = [c for c in match.group(1, 3, 5) if c] if match else []
    if match is None or len(currencies) > 1:
        raise RowFault("bad_price", "not a price")
    amount = _amount(match.group(4))
    if match.group(2) in ("-", "−") and amount:
        amount = -amount
    return amount, currency_code(currencies[0]) if currencies else None


def currency_code(text: str) -> str | None:
    """The ISO 4217 code of a symbol or code; None for a symbol that several currencies share."""
    if text in CURRENCY_SYMBOLS:
        return CURRENCY_SYMBOLS[text]
    return text.upper() if len(text) == 3 and text.isascii() and text.isalpha() else None


def _amount(digits: str) -> float:
    digits = _SPACES.sub("", digits)
    commas, dots = digits.count(","), digits.count(".")
    if commas and dots:
        thousands, decimal = (",", ".") if digits.rfind(".") > digits.rfind(",") else (".", ",")
        whole, _, fraction = digits.rpartition(decimal)
        if _is_grouped(whole, thousands) and fraction.isdecimal():
            return float(f"{whole.replace(thousands, '')}.{fraction}")
    elif commas + dots > 1:
        separator = "," if commas else "."
        if _is_grouped(digits, separator):
            return float(digits.replace(separator, ""))
    elif re.fullmatch(r"[1-9][0-9]{0,2},[0-9]{3}", digits):
        return float(digits.replace(",", ""))
    elif re.fullmatch(r"[1-9][0-9]{0,2}\.[0-9]{3}", digits):
        raise RowFault(
            "ambiguous_price",
            f"may be {digits} or {digits.replace('.', '')}; write {digits}0 or no dot",
        )
    elif re.fullmatch(r"[0-9]*[.,]?[0-9]+", digits):
        return float(digits.replace(",", "."))
    raise RowFault("bad_price", "its digits are not grouped as in a price")


def _is_grouped(whole: str, separator: str) -> bool:
    separator = re.escape(separator)
    return re.fullmatch(_GROUPED % (separator, separator), whole) is not None
