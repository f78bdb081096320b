"""The OpenAPI document, made from the settings and the names that the code uses."""

from typing import Any

from ..recognition.classes import DIGIT_CLASSES, STAGE1_CLASSES
from ..recognition.photo_files import MAX_JPEG_PIXELS, MIN_SIDE
from ..recognition.recognition import ILLEGIBLE, MIRRORED, NO_METER, UNREADABLE
from .bodies import PHOTO_TYPES
from .plausibility import MOST_DECIMALS, MOST_DIGITS, NUMBER_PATTERN, REASONS
from .problems import OTHER_WORD, WORDS
from .settings import ServerSettings
from .states import STATES

# a part of the document, as JSON has it
Schema = dict[str, Any]

_OTHER_ERRORS = "any other error: " + ", ".join(f"{status} {word}" for status, word in sorted(WORDS.items()))
_TEXT, _FLAG, _NUMBER = {"type": "string"}, {"type": "boolean"}, {"type": "number"}
_SHAPE: Schema = {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_POINT = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2, "description": "x, y in pixels"}
_CORNERS = {"type": "array", "items": _POINT, "minItems": 4, "maxItems": 4}
_READING = {"type": "string", "pattern": f"^({NUMBER_PATTERN})?$", "example": "00595,825"}
_BASE64 = {"type": "string", "contentEncoding": "base64"}
_SWITCH = {"type": "string", "enum": ["true", "True", "1", "false", "False", "0", ""]}


def document(settings: ServerSettings) -> Schema:
    """Returns the description of the server with these settings."""
    secured: Schema = {"security": [{"bearer": []}]} if settings.token else {}
    schemes = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}} if settings.token else {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Meter reader",
            "version": "1",
            "description": "Reads utility meters from photos. Photos may have up to "
            f"{settings.max_megapixels:g} megapixels, JPEGs {MAX_JPEG_PIXELS / 1e6:g} (above, they are read at half or "
            f"quarter size), nested lists {settings.max_list_pixels / 1e6:g}, all {MIN_SIDE} or more pixels a side; "
            f"bodies up to {settings.max_body_mb:g} MiB, with nested lists as much as those take. EXIF orientation is "
            "honoured; coordinates are those of the upright photo.",
        },
        "paths": _with_other_errors(
            {
                "/recognize": {
                    "post": {
                        "operationId": "recognize",
                        "summary": "Read the meter on one photo",
                        "parameters": _query(),
                        "requestBody": _one_photo(),
                        "responses": _responses(
                            "Recognition", 400, 408, 413, 415, 422, 429, 500, 503, 504, settings=settings
                        ),
                        **secured,
                    }
                },
                "/recognize/batch": {
                    "post": {
                        "operationId": "recognize_batch",
                        "summary": f"Read the meters on up to {settings.max_photos} photos",
                        "parameters": _query(),
                        "requestBody": _many_photos(settings.max_photos),
                        "responses": _responses(
                            "Batch", 400, 408, 413, 415, 422, 429, 500, 503, 504, settings=settings
                        ),
                        **secured,
                    }
                },
                "/health/live": {"get": _health("live", "The process answers", "Live")},
                "/health/ready": {"get": _health("ready", "Whether requests should be sent here", "Readiness", 503)},
                "/metrics": {
                    "get": {
                        "operationId": "metrics",
                        "summary": "Figures for Prometheus",
                        "responses": {
                            "200": {
                                "description": "Prometheus's text format",
                                "content": {"text/plain": {"schema": _TEXT}},
                            },
                            **({"401": _error(401)} if settings.token else {}),
                        },
                        **secured,
                    }
                },
                "/openapi.json": {
                    "get": {
                        "operationId": "openapi",
                        "summary": "This document",
                        "responses": {"200": _json("The document", {"type": "object"})},
                    }
                },
                "/": {
                    "get": {
                        "operationId": "page",
                        "summary": "A page to try it on",
                        "responses": {"200": {"description": "HTML", "content": {"text/html": {"schema": _TEXT}}}},
                    }
                },
            }
        ),
        "components": {"schemas": _schemas(), **schemes},
    }


def _object(properties: Schema, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _error(status: int) -> Schema:
    return _json(WORDS[status].replace("_", " "), _reference("Error"))


def _responses(name: str, *errors: int, settings: ServerSettings) -> Schema:
    statuses = (*errors, 401) if settings.token else errors
    found = {"200": _json("What was read", _reference(name)), **{str(status): _error(status) for status in statuses}}
    found["429"]["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}
    return found


def _with_other_errors(paths: Schema) -> Schema:
    """Adds to every operation that whatever else goes wrong is JSON of the same kind."""
    for methods in paths.values():
        for operation in methods.values():
            operation["responses"]["default"] = _json(_OTHER_ERRORS, _reference("Error"))
    return paths


def _health(name: str, summary: str, schema: str, *others: int) -> Schema:
    answers = {str(status): _json(summary, _reference(schema)) for status in (200, *others)}
    return {"operationId": name, "summary": summary, "responses": answers}


def _query() -> list[Schema]:
    schemas = {**dict.fromkeys(_AMOUNTS, _READING), **dict.fromkeys(_SWITCHES, _SWITCH)}
    return [
        {"name": name, "in": "query", "required": False, "description": _MEANINGS[name], "schema": schema}
        for name, schema in schemas.items()
    ]


_AMOUNTS, _SWITCHES = ("previous", "max_increase", "max_decrease"), ("annotated", "crop")
_MEANINGS = {
    "previous": "the last reading; adds plausible, why and increase to the answer",
    "max_increase": "the most that can have come since previous",
    "max_decrease": "so much below previous still counts as unchanged; one unit of the last wheel if not given",
    "annotated": "whether to add the photo with what was found drawn on it",
    "crop": "whether to add the window, cut out upright",
}


def _json_fields() -> Schema:
    # null, like an empty text, is as good as nothing
    amount = {"type": "number", "minimum": 0, "maximum": 10**MOST_DIGITS - 1, "multipleOf": 10**-MOST_DECIMALS}
    number: Schema = {"anyOf": [_READING, amount, {"type": "null"}]}
    switch: Schema = {"anyOf": [_FLAG, _SWITCH, {"enum": [0, 1]}, {"type": "null"}]}
    fields: Schema = {**dict.fromkeys(_AMOUNTS, number), **dict.fromkeys(_SWITCHES, switch)}
    return {name: {**schema, "description": _MEANINGS[name]} for name, schema in fields.items()}


def _form_fields() -> Schema:
    fields: Schema = {**dict.fromkeys(_AMOUNTS, _READING), **dict.fromkeys(_SWITCHES, _SWITCH)}
    return {name: {**schema, "description": _MEANINGS[name]} for name, schema in fields.items()}


def _one_photo() -> Schema:
    fields = tuple(_json_fields())
    return {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [_object({"image": _reference("Image"), **_json_fields()}, fields), _reference("Pixels")]
                }
            },
            "multipart/form-data": {
                "schema": _object({"image": {"type": "string", "format": "binary"}, **_form_fields()}, fields)
            },
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in PHOTO_TYPES},
        },
    }


def _many_photos(most: int) -> Schema:
    fields = tuple(_json_fields())
    files = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1, "maxItems": most}
    # what is no photo is told in the results, beside the others' readings
    image = {"anyOf": [{"type": "array"}, _TEXT], "description": "as image of /recognize"}
    images = {"type": "array", "items": image, "minItems": 1, "maxItems": most}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": _object({"images": images, **_json_fields()}, fields)},
            "multipart/form-data": {"schema": _object({"image": files, **_form_fields()}, fields)},
        },
    }


def _schemas() -> Schema:
    value = {"type": "integer", "minimum": 0, "maximum": 255}
    pixel = {"type": "array", "items": value, "minItems": 3, "maxItems": 3}
    row = {"type": "array", "items": pixel, "minItems": MIN_SIDE}
    digit = _object(
        {
            "label": {"type": "string", "enum": list(DIGIT_CLASSES)},
            "score": _SHARE,
            "box": {"type": "array", "items": _NUMBER, "minItems": 4, "maxItems": 4, "description": "x, y, x, y"},
            "corners": _CORNERS,
        }
    )
    counter = _object(
        {
            "text": {"type": "string", "pattern": "^[0-9]+(,[0-9]+)?$"},
            "confidence": _SHARE,
            "corners": _CORNERS,
            "counter_class": {"type": "string", "enum": list(STAGE1_CLASSES)},
            "counter_score": _SHARE,
        }
    )
    last_wheel = _object(
        {
            "lower": {"type": "string", "enum": list(DIGIT_CLASSES), "description": "the digit that it leaves"},
            "upper": {"type": "string", "enum": list(DIGIT_CLASSES), "description": "the next; lower if between none"},
            "upper_share": {**_SHARE, "description": "how likely people are to write down the upper one"},
            "value_low": {**_TEXT, "description": "the text with the lower digit"},
            "value_high": {**_TEXT, "description": "the text with the upper digit"},
        }
    )
    recognition = {
        "original_image_shape": {**_SHAPE, "description": "height, width, 3"},
        "success": _FLAG,
        "text": {"type": "string", "pattern": "^([0-9]+(,[0-9]+)?)?$"},
        "counter_class": {"type": "string", "enum": [*STAGE1_CLASSES, ""]},
        "counter_score": _SHARE,
        "time": {"type": "number", "minimum": 0, "description": "seconds"},
        "confidence": {**_SHARE, "description": "probability that the whole text is right"},
        "confidence_integer": {**_SHARE, "description": "probability that the digits before the comma are right"},
        "integer": _TEXT,
        "fraction": _TEXT,
        "last_wheel": {
            "anyOf": [last_wheel, {"type": "null"}],
            "description": "between which digits the last wheel is; null without a reading, and of displays",
        },
        "corners": {
            "anyOf": [_CORNERS, {"type": "null"}],
            "description": "of the window, from the reading's top-left clockwise; anticlockwise if mirrored",
        },
        "mirrored": {**_FLAG, "description": "whether the photo shows the counter as a mirror does"},
        "digits": {"type": "array", "items": digit},
        "alternatives": {
            "type": "array",
            "items": _object({"text": _TEXT, "probability": _SHARE}),
            "description": "the likeliest texts, the reading's own first",
        },
        "several": {**_FLAG, "description": "whether several counters were read on the photo"},
        "readings": {
            "type": "array",
            "items": counter,
            "description": "every counter that was read, the surest first: the one that all other fields tell of",
        },
        "reason": {"type": "string", "enum": [NO_METER, ILLEGIBLE, UNREADABLE, MIRRORED]},
        "plausible": _FLAG,
        "why": {"type": "string", "enum": list(REASONS)},
        "increase": {"type": ["string", "null"]},
        "annotated": {**_BASE64, "contentMediaType": "image/jpeg"},
        "crop": {"type": ["string", "null"], "contentEncoding": "base64", "contentMediaType": "image/jpeg"},
    }
    sometimes = ("reason", "plausible", "why", "increase", "annotated", "crop")
    identity = {"model_version": _TEXT, "request_id": _TEXT}
    error = {"error": {"type": "string", "enum": sorted({*WORDS.values(), OTHER_WORD})}, "detail": _TEXT}
    failed = _object({"success": {"const": False}, **error, "status": {"type": "integer"}})
    states = {"type": "string", "enum": list(STATES)}
    return {
        "Image": {
            "description": "nested lists of RGB pixels, or a picture file in base64 (also as a data: URL)",
            "anyOf": [_reference("Pixels"), _BASE64],
        },
        "Pixels": {"type": "array", "items": row, "minItems": MIN_SIDE, "description": "rows of pixels"},
        "Recognition": _object({**recognition, **identity}, sometimes),
        "Batch": _object(
            {
                "results": {"type": "array", "items": {"anyOf": [_object(recognition, sometimes), failed]}},
                "time": _NUMBER,
                **identity,
            }
        ),
        "Error": _object({**error, "request_id": _TEXT}),
        "Live": _object({"status": {"const": "live"}}),
        "Readiness": _object({"status": states, "model_version": _TEXT}),
    }
