"""What several threads that share the networks may rely on."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from deploy.recognition.networks import Detector


def test_while_one_thread_suppresses_another_has_the_network():
    meet = threading.Barrier(2, timeout=10)
    inside = []

    class Network:
        batch = 1

        def __call__(self, images):
            inside.append(len(inside))
            assert len(inside) == 1, "two threads are in the network"
            found = {"mean": images.reshape(len(images), -1).mean(axis=1)}
            inside.clear()
            return found

    def find(candidates):
        # with the network's lock held, the other would never come here
        meet.wait()
        return candidates

    detector = Detector(Network(), find)
    images = [np.full((1, 4, 4, 3), value, np.uint8) for value in (10, 200)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda image: detector(image)["mean"].item(), images))
    assert found == [10, 200]
