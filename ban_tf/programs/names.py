"""What a program is called: the installed command, or the script of a checkout."""

import pathlib
import re
import sys

SCRIPTS = {
    "ban-ablation": "eval/eval_ablation.py",
    "ban-efficiency": "eval/eval_efficiency.py",
    "ban-eval": "eval/eval_s3dis.py",
    "ban-eval-partnet": "eval/eval_partnet.py",
    "ban-eval-scannet": "eval/eval_scannet.py",
    "ban-eval-scenenn": "eval/eval_scenenn.py",
    "ban-export": "train/export_savedmodel.py",
    "ban-figures": "eval/figures.py",
    "ban-prepare": "train/prepare_s3dis.py",
    "ban-prepare-scannet": "train/prepare_scannet.py",
    "ban-segment": "eval/segment_scan.py",
    "ban-serve": "eval/serve.py",
    "ban-similarity": "eval/eval_similarity.py",
    "ban-train": "train/train_s3dis.py",
    "ban-train-partnet": "train/train_partnet.py",
    "ban-train-scannet": "train/train_scannet.py",
    "ban-train-scenenn": "train/train_scenenn.py",
}
_COMMAND = re.compile("|".join(rf"\b{name}\b(?!-)" for name in SCRIPTS))


def spelled(text: str | None) -> str:
    """A text that names installed commands, with the scripts in their place in a checkout.

    Example:
        >>> spelled("evaluate   ban-eval --run runs/demo")
        'evaluate   python eval/eval_s3dis.py --run runs/demo'
    """
    if is_installed():
        return text or ""
    return _COMMAND.sub(lambda match: f"python {SCRIPTS[match.group()]}", text or "")


def is_installed() -> bool:
    """Whether this process was started as one of the installed commands."""
    return pathlib.Path(sys.argv[0]).name in SCRIPTS
