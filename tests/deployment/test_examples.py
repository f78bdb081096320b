"""The examples for Compose and Kubernetes against the schemas that their tools publish."""

import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
# MiB that a server with SavedModels takes when nothing is asked of it (docs/serving.md)
IDLE = 813


def documents(name):
    return [one for one in yaml.safe_load_all((DEPLOY / name).read_text()) if one]


def deployment():
    (found,) = [one for one in documents("kubernetes.yaml") if one["kind"] == "Deployment"]
    return found


def mebibytes(text):
    number, unit = re.fullmatch(r"(\d+)(\w*)", text).groups()
    return int(number) * UNITS[unit] / 2**20


def check_compose(path):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True)


def test_compose(tmp_path):
    done = check_compose(DEPLOY / "compose.yaml")
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("mem_limit", "memory_limit"))
    assert "memory_limit" in check_compose(wrong).stdout


@pytest.mark.parametrize("name", ["kubernetes.yaml", "kubernetes-gpu.yaml"])
def test_kubernetes(name):
    for one in documents(name):
        kubernetes_validate.validate(one, "1.37", strict=True)


def test_a_patched_deployment_takes_a_graphics_card():
    (patch,) = documents("kubernetes-gpu-patch.yaml")
    found = patched(deployment(), patch)
    kubernetes_validate.validate(found, "1.37", strict=True)
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "4Gi", "nvidia.com/gpu": 1}
    values = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert values == {"METER_QUEUE_LENGTH": "24", "METER_BATCH_SIZE": "8", "METER_TOKEN": None}
    (plugin,) = documents("kubernetes-gpu.yaml")
    tolerations = plugin["spec"]["template"]["spec"]["tolerations"]
    assert found["spec"]["template"]["spec"]["tolerations"] == tolerations


def patched(value, change):
    """A strategic merge: of lists, those with the same name."""
    if isinstance(change, dict):
        return {**value, **{name: patched(value.get(name, type(new)()), new) for name, new in change.items()}}
    if isinstance(change, list) and all("name" in one for one in change):
        old, new = ({one["name"]: one for one in items} for items in (value, change))
        return [{**patched(old.get(name, {}), new.get(name, {}))} for name in (old | new)]
    return change


def test_keda_scales_the_deployment_by_the_queue():
    (found,) = documents("kubernetes-keda.yaml")
    # what KEDA's definition does not know is lost
    assert ScaledObject.model_validate(found).model_dump(mode="json", by_alias=True, exclude_none=True) == found
    assert found["spec"]["scaleTargetRef"]["name"] == deployment()["metadata"]["name"]
    (plain,) = [one["spec"] for one in documents("kubernetes.yaml") if one["kind"] == "HorizontalPodAutoscaler"]
    assert (found["spec"]["minReplicaCount"], found["spec"]["maxReplicaCount"]) == (
        plain["minReplicas"],
        plain["maxReplicas"],
    )
    (target,) = [metric["pods"]["target"]["averageValue"] for metric in plain["metrics"]]
    assert found["spec"]["triggers"][0]["metadata"]["threshold"] == target


def test_memory_limits_leave_room_for_what_the_attacks_take():
    from tests.serving.memory_limit import MOST_MEMORY

    (service,) = documents("compose.yaml")[0]["services"].values()
    (container,) = deployment()["spec"]["template"]["spec"]["containers"]
    in_memory = sum(mebibytes(mount.split("size=")[1]) for mount in service["tmpfs"])
    for limit in (service["mem_limit"], container["resources"]["limits"]["memory"]):
        # no more than half as much again: a limit that is never met protects nobody
        assert 1 < mebibytes(limit) / (IDLE + MOST_MEMORY + in_memory) < 1.6
    assert IDLE < mebibytes(container["resources"]["requests"]["memory"]) < mebibytes(limit)
