"""gunicorn's configuration: `gunicorn --config gunicorn.conf.py`, which is what `python serve.py` runs.

Everything that can be set comes from environment variables: `python serve.py --help` lists them.
"""

import ctypes
import errno
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any

# of glibc's malloc.h
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3

DEPLOY = Path(__file__).resolve().parent
sys.path.insert(0, str(DEPLOY.parent))

from deploy.recognition.errors import UserError  # noqa: E402
from deploy.recognition.machine import cores  # noqa: E402
from deploy.recognition.manifest import check_models  # noqa: E402
from deploy.recognition.networks import THREADS_VARIABLE  # noqa: E402
from deploy.serving import logs, metric_files  # noqa: E402
from deploy.serving.board import Board  # noqa: E402
from deploy.serving.settings import DELAY, ENGINE, SHARED_FOLDER, read_settings  # noqa: E402


def most_connections() -> int:
    """Returns how many connections a process may have, after it has asked for as many open files."""
    wanted, others = 4096, 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + others:
        soft = wanted + others if hard == resource.RLIM_INFINITY else min(hard, wanted + others)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(settings.threads, min(wanted, soft - others))


try:
    settings = read_settings()
except UserError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)

wsgi_app = "deploy.serving.wsgi:create_application()"
pythonpath = str(DEPLOY.parent)
bind = f"{settings.host}:{settings.port}"
proc_name = "meter-reader"
worker_class = "deploy.serving.worker.Worker"
workers = settings.workers
threads = settings.threads
# connections cost no thread until their request is there
worker_connections = most_connections()
keepalive = 15
graceful_timeout = settings.graceful_seconds
# a process that hangs is replaced; loading does not count, as it happens in a thread of its own
timeout = 60
# TensorFlow must start after the fork
preload_app = False
# of two processes, let the kernel pick the one that has time
reuse_port = False
# nothing but /tmp and /dev/shm need be writable
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
control_socket_disable = True
limit_request_line = 4094
limit_request_fields = 50
# a proxy's prefix is the environment's to say, not a header's
forwarder_headers = ""
accesslog = None
logconfig_dict = logs.configuration(settings.log_level)


def on_starting(server: Any) -> None:
    """Refuses models that do not match their manifest, and a port that is taken; makes what the processes share."""
    try:
        check_models(settings.models, settings.format, settings.precision)
        if not {"GUNICORN_FD", "LISTEN_FDS"} & set(os.environ):
            check_port()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(2)
    threads_each = str(settings.cpu_threads or max(1, cores() // settings.workers))
    os.environ[THREADS_VARIABLE] = threads_each
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, threads_each)
    # several processes may share one graphics card
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    server.board = Board()
    server.metrics_folder = metric_files.make_folder(settings.workers)
    if server.metrics_folder:
        os.environ[SHARED_FOLDER] = server.metrics_folder
    else:
        os.environ.pop(SHARED_FOLDER, None)
        server.log.warning("no room for figures in /dev/shm nor /tmp: each process tells its own")


def check_port() -> None:
    """Raises UserError if nobody can listen there."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host.strip("[]"), settings.port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = "another program listens there: end it, or choose another port"
            elif error.errno == errno.EACCES:
                reason = "only the administrator may listen there: choose a port from 1024 on"
            else:
                raise UserError(f"METER_HOST={settings.host}: cannot listen there: {error.strerror}") from error
            raise UserError(f"METER_PORT={settings.port}: {reason}") from error


def pre_fork(server: Any, worker: Any) -> None:
    """Tells a worker of the others."""
    worker.board = server.board


def post_fork(server: Any, worker: Any) -> None:
    """Tells a worker how long to wait before it loads, and lets go of the memory of photos.

    Each of the threads holds large blocks for a moment in turn: without this, glibc keeps them, in a heap for each
    thread. Other C libraries have no such settings.
    """
    os.environ[DELAY] = str(server.board.delay)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, 256 * 1024)


def post_worker_init(worker: Any) -> None:
    """Lets a worker accept once it is ready, and SIGTERM tell the probes at once that no more should be sent."""
    engine = worker.wsgi.config[ENGINE]
    engine.on_ready = worker.become_ready
    stop = worker.handle_exit

    def drain(signal_number: int, frame: FrameType | None) -> None:
        engine.drain()
        stop(signal_number, frame)

    signal.signal(signal.SIGTERM, drain)


def worker_exit(server: Any, worker: Any) -> None:
    """Ends the thread that runs the models before the interpreter goes."""
    if getattr(worker, "wsgi", None):
        worker.wsgi.config[ENGINE].stop()


def child_exit(server: Any, worker: Any) -> None:
    """Adds a dead process's metrics to those of others before it, and lets the next one wait if it never was ready."""
    server.board.mark_ended(worker.age)
    if server.metrics_folder:
        metric_files.retire(server.metrics_folder, worker.pid)


def on_exit(server: Any) -> None:
    """Removes the metrics."""
    metric_files.remove(getattr(server, "metrics_folder", ""))
