"""What requests hold and answers look like, as OpenAPI shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from engine.results import SearchResult
from engine.routes import ROUTES

MAX_K = 1000
MAX_QUERIES = 64
MAX_PRODUCTS = 1000

Query = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
Clause = Annotated[str, StringConstraints(max_length=2000)]
Keyphrase = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _is_route(name: str) -> str:
    if name not in ROUTES:
        raise ValueError(f"there is no such route; the routes are {', '.join(ROUTES)}")
    return name


RouteName = Annotated[
    str,
    AfterValidator(_is_route),
    WithJsonSchema({"type": "string", "enum": list(ROUTES)}),
]
ProductId = Annotated[str, StringConstraints(min_length=1, max_length=512)]


class SearchOptions(BaseModel):
    """How a query is answered."""

    model_config = ConfigDict(extra="forbid", strict=True)

    k: Annotated[int, Field(ge=1, le=MAX_K, description="Hits to return.")] = 10
    offset: Annotated[int, Field(ge=0, le=15_384, description="Hits to skip first.")] = 0
    where: Annotated[
        list[Clause],
        Field(
            max_length=50,
            description="Conditions such as `price < 50` or `brand in (Makita, Bosch)`; all must "
            "hold.",
            examples=[["price < 50"]],
        ),
    ] = []
    reason: Annotated[
        Literal["auto", "always", "never"],
        Field(description="Think before embedding where it should help, always, or never."),
    ] = "auto"
    explain: Annotated[
        bool, Field(description="Say of each hit which words and keyphrases led to it.")
    ] = False
    diversify: Annotated[
        float,
        Field(ge=0, le=1, description="Mix product types: 0 is off, 1 ignores relevance."),
    ] = 0.0
    routes: Annotated[
        list[RouteName] | None,
        Field(
            min_length=1,
            max_length=len(ROUTES),
            description="Routes to ask; left out, those the checkpoint is tuned for.",
        ),
    ] = None
    facets: Annotated[
        bool, Field(description="Count brands, categories and prices of the best products.")
    ] = False


class SearchRequest(SearchOptions):
    """A query and how it is answered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"q": "gift for dad who fishes", "k": 10, "where": ["price < 60"], "explain": True}
            ]
        }
    )

    q: Annotated[
        Query,
        Field(description="What a shopper types.", examples=["gift for dad who fishes"]),
    ]
    thought: Annotated[
        list[Keyphrase] | None,
        Field(
            max_length=64,
            description="Keyphrases to answer with, in the place of the reasoner's.",
            examples=[["tackle box", "fishing rod"]],
        ),
    ] = None


class SearchByUrl(SearchRequest):
    """The same as parameters of a URL, where numbers are text."""

    model_config = ConfigDict(strict=False)


class BatchRequest(SearchOptions):
    """Queries that are answered alike."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"queries": ["cordless drill", "garden hose"], "k": 5}]}
    )

    queries: Annotated[
        list[Query],
        Field(
            min_length=1, max_length=MAX_QUERIES, examples=[["cordless drill", "garden hose 50 ft"]]
        ),
    ]


@dataclass(frozen=True, slots=True)
class Answer(SearchResult):
    """The answer to one query; ``degraded`` where reasoning was left out for want of time."""

    degraded: bool = False


class Answers(BaseModel):
    """The answers to a batch, in its order."""

    results: list[Answer]


class CollectionEntry(BaseModel):
    """A collection of the store."""

    name: str
    count: int
    served: Annotated[bool, Field(description="Whether it is the one that is searched here.")]
    manifest: Annotated[dict[str, Any], Field(description="What it was built with.")]


class Collections(BaseModel):
    """The collections of the store."""

    collections: list[CollectionEntry]


class UpsertRequest(BaseModel):
    """Products to store."""

    model_config = ConfigDict(extra="forbid", strict=True)

    products: Annotated[
        list[dict[str, Any]],
        Field(
            min_length=1,
            max_length=MAX_PRODUCTS,
            description="Objects as a line of a JSONL catalog has them; of one id given twice the "
            "first counts.",
            examples=[[{"id": "p1", "title": "Steel tackle box", "brand": "Plano", "price": 24.5}]],
        ),
    ]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A product that was not stored.

    Attributes:
        index: Its place in the request, from 0.
        id: Its ``id``, where it has one.
        field: At fault; null where the whole is.
        reason: As in a rejects file of ``lrem index``.
        detail: What was found.
    """

    index: int
    id: str | None
    field: str | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of the products.

    Attributes:
        stored: New ones and changed ones.
        unchanged: Stored just so before.
        rejected: Not stored.
    """

    stored: int
    unchanged: int
    rejected: list[Rejected] = field(default_factory=list)


class DeleteRequest(BaseModel):
    """Products to delete."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ids: Annotated[list[ProductId], Field(min_length=1, max_length=MAX_PRODUCTS, examples=[["p1"]])]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What became of the ids.

    Attributes:
        deleted: Number of products that are gone.
        missing: Ids that no product had.
    """

    deleted: int
    missing: list[str]


class FieldError(BaseModel):
    """A field at fault."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """An error, after RFC 9457."""

    type: Annotated[str, Field(examples=["urn:lrem:problem:invalid-request"])]
    title: str
    status: int
    detail: Annotated[str, Field(description="What was found.")]
    remedy: Annotated[str, Field(description="The next step to take.")]
    errors: list[FieldError] = []


class Health(BaseModel):
    """A sign of life."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """What the service answers with."""

    status: Literal["ready"] = "ready"
    model: str
    device: str
    reasons: Annotated[bool, Field(description="Whether the checkpoint can reason.")]
    collection: str
    products: int
    index: str
    writes: Annotated[bool, Field(description="Whether products may be stored and deleted.")]
