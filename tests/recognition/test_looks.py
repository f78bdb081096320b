import numpy as np

from deploy.recognition.looks import Clock, Look, tell_together


def test_pictures_of_all_stories_go_through_the_model_together():
    batches = []

    def model(pictures):
        batches.append(pictures.tolist())
        return {"doubled": 2 * pictures}

    def story(name, *rounds):
        seen = []
        for pictures in rounds:
            outputs = yield Look("look", [np.array(picture) for picture in pictures])
            seen += outputs["doubled"].tolist()
        return name, seen

    clock = Clock(["look", "other"])
    told = tell_together([story("a", [1], [2, 3], [4]), story("b"), story("c", [5, 6], [7])], model, clock)
    assert told == [("a", [2, 4, 6, 8]), ("b", []), ("c", [10, 12, 14])]
    assert batches == [[1, 5, 6], [2, 3, 7], [4]]
    assert clock.seconds["look"] > 0 and clock.seconds["other"] == 0


def test_no_stories_ask_nothing():
    assert tell_together([], None, Clock(["look"])) == []
