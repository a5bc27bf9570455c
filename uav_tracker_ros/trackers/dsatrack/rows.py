"""The rows of the family: which blocks of a 12-layer vision transformer each one keeps. Knows no torch.

Sources: Zhou et al., Dynamic Semantic-Aware Correlation Modeling for UAV Tracking (NeurIPS 2025), section 4.1 and
tables 2 and 10; ``eatrack`` after Zhong et al., Dual-branch Distilled Transformer for Efficient Asymmetric UAV
Tracking (CVPR 2026), of which only the abstract is known: its layers are this project's choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from uav_tracker_ros.errors import InvalidParameter

TEMPLATE_PX, SEARCH_PX, STRIDE = 128, 256, 16
SLOT = (TEMPLATE_PX // STRIDE) ** 2  # 64 tokens of one template
MAP = SEARCH_PX // STRIDE  # 16 cells a side
SEARCH_TOKENS = MAP * MAP
HEAD_WIDTH = 64  # channels of one attention head, in every row
DEPTH = 12  # blocks of the trunks that rows are cut from


@dataclass(frozen=True)
class Form:
    """How the same weights are run.

    The default is the paper's text; ``PUBLISHED`` is what the authors' program does: template rows attend to the
    search region too, the semantic-aware map only ranks template tokens, and dropped tokens leave both streams.
    """

    attention: Literal["hybrid", "joint"] = "hybrid"
    logits: Literal["s", "c"] = "s"  # of search rows on template keys: semantic-aware map, or the plain correlation
    eliminate: Literal["cross", "both", "off"] = "cross"  # dropped tokens vanish for search rows | for all rows
    edges: Literal["mean", "hard"] = "mean"  # at inference: probability of an edge, or 1 where it exceeds one half
    normalise: Literal["row", "sym"] = "row"  # of the graph: by the degree of a row, or of both ends (eq. 7)
    semantics: Literal["dynamic", "static", "none"] = "dynamic"  # graph over template tokens | 3x3 convolution | no map

    def __post_init__(self) -> None:
        choices = {"attention": ("hybrid", "joint"), "logits": ("s", "c"), "eliminate": ("cross", "both", "off"),
                   "edges": ("mean", "hard"), "normalise": ("row", "sym"),
                   "semantics": ("dynamic", "static", "none")}  # fmt: skip
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InvalidParameter(f"{name} is '{getattr(self, name)}'; expected one of {', '.join(allowed)}")
        if self.attention == "joint" and self.logits == "s":
            raise InvalidParameter(
                "attention is 'joint' and logits 's'; expected logits 'c' there: the map of the joint form is of "
                "template rows and only ranks; choose hybrid or c"
            )

    @property
    def cached(self) -> bool:
        """Whether the template's keys and values do not depend on the search region."""
        return self.attention == "hybrid" and self.eliminate != "both"


PUBLISHED = Form("joint", "c", "both")

FORMS = {
    "hybrid": Form(),
    "joint": PUBLISHED,
    "static": Form(semantics="static"),
    "plain": Form(semantics="none"),
}  # by the names that training knows them by: what the paper's ablations compare


@dataclass(frozen=True)
class Row:
    """One network. ``layers`` are counted from 1 as in the paper; indexes of kept blocks from 0."""

    name: str
    width: int  # channels of a token
    layers: tuple[int, ...]  # of the trunk's 12
    keep: tuple[tuple[int, int], ...] = ()  # (index of a semantic-aware block, template tokens kept there)
    slots: int = 3  # templates in memory, 64 tokens each
    head_channels: int = 256
    trunk: str = ""  # where initial weights come from

    @property
    def heads(self) -> int:
        """Attention heads."""
        return self.width // HEAD_WIDTH

    @property
    def tokens(self) -> int:
        """Template tokens in memory."""
        return self.slots * SLOT


def _kept(share: float) -> int:
    return int(3 * SLOT * share + 1e-9)


_ALL = tuple(range(1, DEPTH + 1))
_THREE = ((3, _kept(0.9)), (6, _kept(0.8)), (9, _kept(0.7)))  # layers 4, 7, 10
_ONE = ((3, _kept(0.9)),)
_MAE = "ViT-B/16, MAE"

ROWS = {
    row.name: row
    for row in (
        Row("dsatrack_vit_b", 768, _ALL, _THREE, trunk=_MAE),
        Row("dsatrack_d8", 768, (1, 2, 3, 4, 5, 8, 11, 12), _ONE, trunk=_MAE),
        Row("dsatrack_d7", 768, (1, 2, 3, 4, 5, 11, 12), _ONE, trunk=_MAE),
        Row("dsatrack_d6", 768, (1, 2, 3, 4, 11, 12), _ONE, trunk=_MAE),
        # Layer 4 is block 2 here. The authors' program has the semantic-aware module on block 0 instead, which
        # their count of operations shows; block 2 is where a larger row's trained module fits.
        Row("dsatrack_d4", 768, (1, 2, 4, 12), ((2, _kept(0.9)),), trunk=_MAE),
        Row("dsatrack_vit_t", 192, _ALL, _THREE, trunk="ViT-Ti/16, ImageNet-21k and 1k"),
        Row("dsatrack_deit_t", 192, _ALL, _THREE, trunk="DeiT-Ti/16, ImageNet-1k"),
        Row("eatrack", 192, (1, 2, 3, 4, 6, 8, 10, 12), slots=2, trunk="DeiT-Ti/16, ImageNet-1k"),
    )
}
