"""Schemathesis asks the server what its OpenAPI document allows, and what it does not."""

import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.transport.serialization import serialize_binary

from tests import fake_server


@schemathesis.serializer("image/bmp", "image/tiff", "image/heic", "image/heif")
def as_bytes(context, value):
    return {"data": serialize_binary(value)}


APP, ENGINE = fake_server.start_app(max_body_mb=0.2)
SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", APP)


@SCHEMA.parametrize()
@hypothesis.settings(
    max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
)
def test_the_document_is_true(case):
    # noise that the schema allows as a picture is none: refusing it is right
    answer = case.call()
    case.validate_response(answer, excluded_checks=[positive_data_acceptance])
    assert answer.status_code < 500


@pytest.fixture(scope="module", autouse=True)
def stop():
    yield
    ENGINE.stop()
