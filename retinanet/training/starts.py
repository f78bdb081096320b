"""What a training starts from: ImageNet weights of the backbone, the weights that we ship, none, or a file."""

from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet.config import MODEL_CONFIGS, WEIGHTS_FOLDER

ROOT = Path(__file__).resolve().parents[2]
IMAGENET, SHIPPED, NONE = "imagenet", "shipped", "none"
# endings of weights of a backbone alone
BACKBONE_ENDINGS = (".weights.h5", ".npz")


def weights_file(start: str, stage: int) -> Path | None:
    """Returns the file of the weights to start from; None for random ones.

    Args:
        start: `imagenet`, `shipped`, `none` or a path.
        stage: 1 or 2.

    Raises:
        UserError: there is no such file.
    """
    if start == NONE:
        return None
    known = {IMAGENET: imagenet_weights(stage), SHIPPED: shipped_weights(stage)}
    path = known.get(start) or Path(start).expanduser()
    if not path.is_file():
        advice = f"expected {IMAGENET}, {SHIPPED}, {NONE} or a file"
        if start == IMAGENET:
            advice = (
                f"no ImageNet weights of {MODEL_CONFIGS[stage].backbone} are shipped: give a file (docs/training.md "
                f"tells how to make one), {SHIPPED} or {NONE}"
            )
        raise UserError(f"--initial_weights {start}: no such file: {path}; {advice}")
    return path


def told(start: str, stage: int) -> str:
    """Returns in words what `weights_file` gives."""
    if start == NONE:
        return "random weights"
    if start == IMAGENET:
        return f"ImageNet weights of its backbone, {MODEL_CONFIGS[stage].backbone}"
    if start == SHIPPED:
        return f"the weights that came with the project, {shipped_weights(stage).relative_to(ROOT)}"
    return start


def imagenet_weights(stage: int) -> Path:
    """Returns where the ImageNet weights of a stage's backbone stand, if they are shipped."""
    return ROOT / "resources" / "imagenet" / f"{MODEL_CONFIGS[stage].backbone}.npz"


def shipped_weights(stage: int) -> Path:
    """Returns where the weights stand that came with the project."""
    return WEIGHTS_FOLDER / f"stage{stage}.keras"


def best_path(output: Path) -> Path:
    """Returns where the best weights of a training state stand."""
    return output.with_name(f"{output.stem}_best.keras")


def previous_path(output: Path) -> Path:
    """Returns where the state is kept that stood at the output when another training began."""
    return output.with_name(f"{output.stem}.previous.keras")
