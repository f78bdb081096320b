import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import train_stage1
from deploy.recognition.errors import UserError
from retinanet.training.cluster import Cluster, cluster_of, place_of_state, place_of_trials

ROOT = Path(train_stage1.__file__).parent
WORKERS = ["10.0.0.1:2222", "[::1]:2223"]


def config(index=1, workers=WORKERS, **task):
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index, **task}}


def test_one_process_without_the_variable():
    assert cluster_of({}) == cluster_of({"TF_CONFIG": " "}) == Cluster()
    assert Cluster().writes and len(Cluster().addresses) == 1


@pytest.mark.parametrize("index", [1, "1"])
def test_a_worker_of_two(index):
    cluster = cluster_of({"TF_CONFIG": json.dumps(config(index))})
    assert cluster == Cluster(tuple(WORKERS), 1) and not cluster.writes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is no JSON"),
        ("[1]", "it lacks cluster or task"),
        (json.dumps({"cluster": {"worker": WORKERS}}), "it lacks cluster or task"),
        (json.dumps(config(2)), "its task has the index 2, and there are the workers 0 to 1"),
        (json.dumps(config(-1)), "its task has the index -1"),
        (json.dumps(config(True)), "its task has the index True"),
        (json.dumps(config(type="ps")), "its task is of type 'ps'"),
        (json.dumps(config(workers=["10.0.0.1"])), "its worker '10.0.0.1' is no host:port"),
        (json.dumps(config(workers=["a:70000"])), "its worker 'a:70000' is no host:port"),
        (json.dumps(config(workers=[3])), "its worker 3 is no host:port"),
        (json.dumps(config(workers=[])), "its cluster names no workers"),
        (json.dumps(config(workers=["a:1", "a:1"])), "it names a worker twice"),
        (json.dumps({**config(), "cluster": {"worker": WORKERS, "ps": ["a:1"]}}), "has the jobs 'worker', 'ps'"),
    ],
)
def test_a_wrong_one_is_one_line(text, message):
    with pytest.raises(UserError) as error:
        cluster_of({"TF_CONFIG": text})
    assert message in str(error.value) and "expected something like" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("script", ["train_stage2.py", "tune_hyper_parameters_stage1.py"])
def test_scripts_say_so_at_once(script, tmp_path):
    run = subprocess.run(
        [sys.executable, ROOT / script, "--dataset_path", tmp_path, "--logs", tmp_path / "logs"],
        env={**os.environ, "TF_CONFIG": json.dumps(config(2))},
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = run.stderr.splitlines()
    assert run.returncode == 2 and line.startswith("error: TF_CONFIG: its task has the index 2")
    assert not list(tmp_path.iterdir())


def test_the_first_worker_writes_and_others_copy(tmp_path):
    output, logs = tmp_path / "stage1.keras", tmp_path / "logs"
    output.write_bytes(b"state")
    logs.mkdir()
    (logs / "tuning.json").write_text("{}")
    first, second = (Cluster(tuple(WORKERS), index) for index in (0, 1))
    with place_of_state(output, logs, first) as places:
        assert places == (output, logs)
        with pytest.raises(UserError, match="another training is writing there"), place_of_state(output, logs, first):
            pass
        with place_of_state(output, logs, second) as (own, own_logs):
            assert own.read_bytes() == b"state" and own.parent != tmp_path != own_logs.parent
            own.write_bytes(b"new")
    assert output.read_bytes() == b"state" and not own.exists()
    with place_of_trials(logs, first) as place:
        assert place == logs
    with place_of_trials(logs, second) as place:
        assert place != logs and (place / "tuning.json").read_text() == "{}"
        (place / "more").write_text("")
    assert [path.name for path in logs.iterdir()] == ["tuning.json"]
