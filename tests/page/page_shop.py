"""A small shop, some of whose texts would be code in a page that did not take care."""

from __future__ import annotations

from catalog import TEMPLATE_HASH, TEMPLATE_VERSION
from catalog.product import Product
from engine.store import ItemRow, Manifest, Store

KINDS = ["drill", "fishing rod", "tackle box", "running shoes", "garden hose", "tent", "led bulb"]
BRANDS = ["Makita", "O'Neil & Sons", 'Say "Hi"', "back\\slash"]
CATEGORIES = ["Tools", "Tools > Drills", "Tools > Drills > Cordless", "Garden > Water", "Camping"]
SCRIPTS = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(2)</script>",
    '"><svg onload=alert(3)>',
    "{{constructor.constructor('alert(4)')()}}",
]
ADDRESSES = [
    "javascript:alert(5)",
    "data:text/html,<script>alert(6)</script>",
    " jAvAsCrIpT:alert(7)",
    'https://shop.example/p?a=1&b="><script>alert(8)</script>',
]
HOSTILE = "hostile"


def products() -> list[Product]:
    """120 ordinary products, and one for each hostile text."""
    usual = [
        Product(
            f"p{n}",
            f"{('steel', 'cordless', 'waterproof')[n % 3]} {KINDS[n % 7]} {n}",
            brand=BRANDS[n % 4],
            category=CATEGORIES[n // 4 % 5],
            price=float(n) + 0.5,
        )
        for n in range(120)
    ]
    hostile = [
        Product(
            f"{HOSTILE}-{n}-{text}",
            f"{HOSTILE} {text}",
            brand=text,
            category=f"{text} > {text}",
            price=None,
            currency=text[:3],
            url=address,
            image_url=address,
        )
        for n, (text, address) in enumerate(zip(SCRIPTS, ADDRESSES, strict=True))
    ]
    return usual + hostile


def build(uri, lrem, shop) -> None:
    """Store a shop as the collection ``products``."""
    vectors = lrem.embed_items([product.title for product in shop])
    manifest = Manifest(
        lrem.source, lrem.fingerprint, TEMPLATE_VERSION, TEMPLATE_HASH, lrem.dimension
    )
    with Store(uri) as store:
        made = store.create("products", manifest)
        rows = zip(shop, vectors, strict=True)
        made.upsert([ItemRow(product, product.title, "", vector) for product, vector in rows])
        made.build_index()
        made.update_manifest(products=len(shop), complete=True)
