"""Why a photo was read wrong, as far as label and answer tell."""

from deploy.recognition.recognition import ILLEGIBLE, MIRRORED, NO_METER, UNREADABLE
from retinanet.evaluation.outcomes import WITHOUT_METER, Outcome
from retinanet.evaluation.text import MISSING

# Below this overlap the window, not the digits, is to blame.
MIN_OVERLAP = 0.5

_REFUSALS = {
    NO_METER: "no window found",
    ILLEGIBLE: "taken for illegible",
    UNREADABLE: "fewer than three digits found",
    MIRRORED: "taken for a mirror image, perhaps",
}


def cause(outcome: Outcome) -> str:
    """Returns the cause of a wrong outcome, one of a dozen phrases; the first that holds."""
    if outcome.source == WITHOUT_METER:
        return "digits read without a meter"
    if not outcome.right:
        return "digits read where nobody can"
    if not outcome.recognition.success:
        return _REFUSALS[outcome.recognition.reason]
    if outcome.window.iou < MIN_OVERLAP:
        return "window in the wrong place"
    wrong = [(place, pair) for place, pair in enumerate(outcome.score.pairs) if pair[0] != pair[1]]
    if not wrong:
        return "comma"
    if any(MISSING in pair for _, pair in wrong):
        return "a wheel missing or made up"
    if len(wrong) > 1:
        return "several digits"
    place, (right, read) = wrong[0]
    neighbour = (int(right) - int(read)) % 10 in (1, 9)
    if place == len(outcome.score.pairs) - 1:
        return "last wheel, its neighbour read" if neighbour else "last wheel, another digit read"
    return "a wheel before the last, its neighbour read" if neighbour else "a wheel before the last, another digit read"
