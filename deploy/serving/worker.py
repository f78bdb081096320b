"""gunicorn's thread worker, which neither waits for slow clients for ever nor lets them hold up others."""

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

from .settings import read_settings
from .uploads import TIMER


class Worker(ThreadWorker):
    """A thread worker with a limit on the time that a request takes to arrive, head and body together."""

    def init_process(self) -> None:
        """Reads the limit and starts."""
        self.upload_seconds = read_settings().upload_seconds
        super().init_process()

    def handle(self, conn: TConn):
        """Answers one request of a connection; gunicorn calls it in one of the threads."""
        with TIMER.watch(conn.sock, self.upload_seconds):
            keep = super().handle(conn)
        if keep is False:
            # gunicorn would linger for the client in its only accepting thread; there, nothing is left to do then
            util.close_graceful(conn.sock)
            conn.close = lambda graceful=False: util.close(conn.sock)
        return keep
