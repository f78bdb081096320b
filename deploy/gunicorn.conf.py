"""gunicorn's configuration: `gunicorn --config gunicorn.conf.py`, which is what `python serve.py` runs.

Everything that can be set comes from environment variables: `python serve.py --help` lists them.
"""

import ctypes
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

# of glibc's malloc.h
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3

DEPLOY = Path(__file__).resolve().parent
sys.path.insert(0, str(DEPLOY.parent))

from deploy.recognition.errors import UserError  # noqa: E402
from deploy.recognition.manifest import check_models  # noqa: E402
from deploy.serving import logs  # noqa: E402
from deploy.serving.settings import SHARED_FOLDER, read_settings  # noqa: E402

try:
    settings = read_settings()
except UserError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)

wsgi_app = "deploy.serving.application:create_application()"
pythonpath = str(DEPLOY.parent)
bind = f"{settings.host}:{settings.port}"
proc_name = "meter-reader"
worker_class = "deploy.serving.worker.Worker"
workers = settings.workers
threads = settings.threads
# more connections than threads may be open: those kept alive cost no thread
worker_connections = 4 * settings.threads
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
accesslog = None
logconfig_dict = logs.configuration(settings.log_level)


def on_starting(server):
    """Refuses models that do not match their manifest, and makes the folder of the processes' figures."""
    try:
        check_models(settings.models, settings.format, settings.precision)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(2)
    cores = len(os.sched_getaffinity(0))
    os.environ["METER_CPU_THREADS"] = threads_each = str(settings.cpu_threads or max(1, cores // settings.workers))
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, threads_each)
    # several processes may share one graphics card
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    server.figures_folder = tempfile.mkdtemp(prefix="meter-metrics-")
    os.environ[SHARED_FOLDER] = server.figures_folder


def post_fork(server, worker):
    """Lets go of the memory of photos: in turn, each of the threads holds large blocks for a moment.

    Without this glibc keeps them, in a heap for each thread. Other C libraries have no such settings.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, 256 * 1024)


def post_worker_init(worker):
    """Lets SIGTERM tell the probes at once that no more requests should be sent."""
    engine = worker.wsgi.config["METER_ENGINE"]
    stop = worker.handle_exit

    def drain(signal_number, frame):
        engine.drain()
        stop(signal_number, frame)

    signal.signal(signal.SIGTERM, drain)


def worker_exit(server, worker):
    """Ends the thread that runs the models before the interpreter goes."""
    if getattr(worker, "wsgi", None):
        worker.wsgi.config["METER_ENGINE"].stop()


def child_exit(server, worker):
    """Takes a dead process's gauges out of the sums."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    """Removes the figures."""
    shutil.rmtree(getattr(server, "figures_folder", ""), ignore_errors=True)
