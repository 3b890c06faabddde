"""The service does what its own OpenAPI says, whatever is sent."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving import serving

KEY = "k" * 24
OPERATIONS = {
    "POST /v1/search",
    "GET /v1/search",
    "POST /v1/search:batch",
    "GET /v1/collections",
    "POST /v1/products:upsert",
    "POST /v1/products:delete",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
}
# Where clauses have a grammar that a schema does not tell.
NOT_CHECKED = [positive_data_acceptance]


@pytest.mark.parametrize(
    "examples", [4, pytest.param(60, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_answers_are_those_described_and_no_fault_of_the_service(own_engine, examples):
    with serving(own_engine, allow_writes=True, keys=[KEY]) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        operations = [result.ok() for result in schema.get_all_operations()]
        assert {operation.label for operation in operations} == OPERATIONS
        for operation in operations:
            _check(operation, examples)


def _check(operation, examples):
    for mode in schemathesis.GenerationMode:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=examples,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def check(case):
            # A longer request line is refused by the HTTP server itself.
            assume(len(urlencode(case.query or {}, doseq=True)) < 8_000)
            case.call_and_validate(headers={"X-API-Key": KEY}, excluded_checks=NOT_CHECKED)

        if mode.is_positive or operation.body or operation.query:
            check()
