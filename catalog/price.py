"""Prices as shops write them.

The rule for text such as "$1,299.00", "12.50 EUR" or "1.299,00 €":

1. A currency before or after the number is taken off: a symbol, or a code of three letters.
2. Spaces, no-break spaces and apostrophes inside the number separate thousands.
3. Where both "," and "." occur, the last one is the decimal separator, the other separates
   thousands. A separator that occurs twice separates thousands.
4. A single separator is decimal, unless it has exactly three digits after it and one to three
   digits, not beginning with 0, before it. Then "1,299" is 1299, because nobody writes prices with
   three decimals after a comma. "1.299" is 1.299 to a machine and 1299 to half of Europe: the
   prices before it in the column decide, if they have shown one decimal separator ("12.50" the
   point, "12,50" or "1.299.000" the comma); else it is ambiguous.
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
_EXPONENT = re.compile(r"-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]+")
AMBIGUOUS = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")
_COMMA_THOUSANDS = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
_SPACES = re.compile(r"(?<=[0-9])[\s'’](?=[0-9]{3}(?![0-9]))")
_GROUPED = r"[0-9]{1,3}(?:%s[0-9]{2,3})*%s[0-9]{3}"

_CHARACTERS = 40

Price = tuple[float, "str | None"]


class PriceParser:
    """Reads the prices of one column, in their order.

    Args:
        decimal_point: Whether the column is known to write decimals after a point.
    """

    def __init__(self, decimal_point: bool = False) -> None:
        self._decimals = {"."} if decimal_point else set()

    def parse(self, value: Any) -> Price | None:
        """Read a price.

        Args:
            value: A number, or text by the rule above.

        Returns:
            The amount, and the currency's ISO 4217 code where the text names one; None for empty
            text.

        Raises:
            RowFault: It is no price, or the text can be read in two ways.
        """
        code = None
        if isinstance(value, str):
            text = value.strip()
            if not text:
                return None
            amount, code = self._parse_text(text)
        elif isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            try:
                amount = float(value)
            except OverflowError:
                amount = math.inf
        else:
            found = type(value).__name__
            raise RowFault("wrong_type", f"a price is a number or text, not {found}")
        if not math.isfinite(amount):
            raise RowFault("bad_price", "the price is not a finite number")
        if amount < 0:
            raise RowFault("bad_price", "the price is negative")
        return amount, code

    def _parse_text(self, text: str) -> Price:
        if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            return math.nan, None
        if _EXPONENT.fullmatch(text):
            return float(text), None
        match = _PRICE.fullmatch(text) if len(text) <= _CHARACTERS else None
        currencies = [c for c in match.group(1, 3, 5) if c] if match else []
        if match is None or len(currencies) > 1:
            raise RowFault("bad_price", "not a price")
        amount = self._amount(_SPACES.sub("", match.group(4)))
        if match.group(2) in ("-", "−") and amount:
            amount = -amount
        return amount, currency_code(currencies[0]) if currencies else None

    def _amount(self, digits: str) -> float:
        if digits.isdecimal():
            return float(digits)
        if AMBIGUOUS.fullmatch(digits):
            if len(self._decimals) != 1:
                either = f"{digits} or {digits.replace('.', '')}"
                raise RowFault("ambiguous_price", f"may be {either}; no price before it tells")
            return float(digits if self._decimals == {"."} else digits.replace(".", ""))
        if _COMMA_THOUSANDS.fullmatch(digits):
            return float(digits.replace(",", ""))
        decimal = "." if digits.rfind(".") > digits.rfind(",") else ","
        if digits.count(decimal) > 1:  # so it separates thousands, and there are no decimals
            decimal = "," if decimal == "." else "."
            whole, fraction = digits, "0"
        else:
            whole, _, fraction = digits.rpartition(decimal)
        thousands = "," if decimal == "." else "."
        is_whole = not whole or whole.isdecimal() or _is_grouped(whole, thousands)
        if not is_whole or not fraction.isdecimal():
            raise RowFault("bad_price", "its digits are not grouped as in a price")
        self._decimals.add(decimal)
        return float(f"{whole.replace(thousands, '')}.{fraction}")


def currency_code(text: str) -> str | None:
    """The ISO 4217 code of a symbol or code; None for a symbol that several currencies share."""
    if text in CURRENCY_SYMBOLS:
        return CURRENCY_SYMBOLS[text]
    return text.upper() if len(text) == 3 and text.isascii() and text.isalpha() else None


def _is_grouped(whole: str, separator: str) -> bool:
    separator = re.escape(separator)
    return re.fullmatch(_GROUPED % (separator, separator), whole) is not None
