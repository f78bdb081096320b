"""Alert rules and the dashboard: their own tools take them, and the server exports what they ask for."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.recognition.recognition import Recognition
from deploy.serving.metrics import Metrics

HERE = Path(__file__).resolve().parent
MONITORING = HERE.parents[1] / "deploy" / "monitoring"
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus")


def dashboard():
    return json.loads((MONITORING / "dashboard.json").read_text())


def rules():
    (group,) = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return group["rules"]


def dashboard_expressions():
    return [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]


def promtool(*words):
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_alerts_fire_when_they_should():
    assert f"{len(rules())} rules found" in promtool("check", "rules", MONITORING / "alerts.yaml")
    promtool("test", "rules", HERE / "alerts_test.yaml")


@needs_promtool
def test_the_dashboards_expressions_are_promql(tmp_path):
    recorded = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(dashboard_expressions())
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    assert f"{len(recorded)} rules found" in promtool("check", "rules", tmp_path / "rules.yaml")


@pytest.fixture(scope="module")
def exported():
    """The labels of each series of a server that has answered, by name."""
    figures = Metrics()
    figures.requests.labels("recognize", 200, "read").inc()
    figures.requests.labels("recognize", 429, "busy").inc()
    figures.request_seconds.labels("recognize").observe(0.1)
    figures.observe_stage("decode", 0.1)
    figures.batch.observe(1)
    figures.observe_recognition(Recognition(success=True, text="123", counter_class="analog", confidence=0.9))
    found = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", figures.render().decode(), re.MULTILINE):
        found.setdefault(name, []).append(dict(re.findall(r'(\w+)="([^"]*)"', labels)))
    return found


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in rules()), *dashboard_expressions()])
def test_the_server_exports_what_is_asked_for(exported, expression):
    asked = re.findall(r"\b(meter_\w+)(?:\{([^}]*)\})?", expression)
    assert asked
    for name, selector in asked:
        assert name in exported
        # values that a healthy server has no series of yet are left out
        for label, operator, value in re.findall(r'(\w+)(=~?)"([^"]*)"', selector):
            values = {labels[label] for labels in exported[name]}
            assert value.startswith("5") or [one for one in values if _matches(one, operator, value)], (label, value)
    for label in re.findall(r"by \((\w+)\)", expression):
        assert all(label in labels for name, _ in asked for labels in exported[name])


def _matches(value, operator, pattern):
    return value == pattern if operator == "=" else re.fullmatch(pattern, value)


def test_grafana_knows_every_field_of_the_dashboard():
    register_default_plugins()
    ours = dashboard()
    known = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(ours)))
    assert list(lost(ours, known)) == []


def lost(ours, known, path="dashboard"):
    """The places where the second, made from the first, lacks something or differs."""
    if isinstance(ours, dict) and isinstance(known, dict):
        for name, value in ours.items():
            yield from lost(value, known[name], f"{path}.{name}") if name in known else [f"{path}.{name}"]
    elif isinstance(ours, list) and isinstance(known, list) and len(ours) == len(known):
        for number, (one, other) in enumerate(zip(ours, known, strict=True)):
            yield from lost(one, other, f"{path}[{number}]")
    elif ours != known:
        yield path


def test_panels_lie_side_by_side():
    found = dashboard()
    taken = {}
    for panel in found["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["id"]) == panel["id"], panel["title"]
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])
    (source,) = found["templating"]["list"]
    sources = {panel["datasource"]["uid"] for panel in found["panels"]}
    assert sources == {f"${{{source['name']}}}"}
