"""A workflow of the life sciences: lanes of a sequencer, cut into chunks that go through the same four programs."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import Count
from simcluster.scheduling.work.shapes.shape import Piece, Shape, Shaped

LANE_S = {"filter": 6.494, "convert": 3.55, "pack": 5.155, "map": 480.63}
"""Seconds that a lane spent in each program of its chunks, all chunks together."""
LANE_BYTES = {"split": 109_431_824.0, "filter": 106_521_954.0, "convert": 81_701_942.0, "pack": 19_254_264.0,
              "map": 9_490_384.0}  # fmt: skip
"""What these gave, all chunks together."""
SPLIT_S, MERGE_S, INDEX_S, PILEUP_S = 1.345, 4.42, 2.774, 30.52
MERGED_BYTES = 8_974_436.0


class Epigenomics(Shaped):
    """The shape of the Epigenomics workflow of Bharathi et al. (WORKS 2008): lanes × (4 chunks + 2) + 3 tasks.

    Each lane is split; each chunk is filtered, converted, packed and mapped, one after the other; the lane's maps are
    merged. What all lanes have come to is merged, indexed and piled up. The longest way has nine tasks.

    Seconds and bytes are those of one lane of 100,000 reads on Chameleon, as WfInstances has them (its file
    epigenomics-chameleon-hep-1seq-100k-001, which is this shape with 1 lane and 9 chunks), a lane's shared among its
    chunks. There the map took from 30 to 70 s a chunk; here all chunks are alike.
    """

    kind: Literal["epigenomics"] = "epigenomics"
    lanes: Count = 2
    """How many lanes there are."""
    chunks: Count = 8
    """Into how many chunks each is cut."""

    def shape(self, seed: int) -> Shape:
        """The tasks; nothing is drawn."""
        made: dict[str, Piece] = {}
        for lane in range(self.lanes):
            made[f"split-{lane}"] = Piece(SPLIT_S)
            for chunk in range(self.chunks):
                before, gives = f"split-{lane}", LANE_BYTES["split"] / self.chunks
                for program, seconds in LANE_S.items():
                    name = f"{program}-{lane}-{chunk}"
                    made[name] = Piece(seconds / self.chunks, ((before, gives),))
                    before, gives = name, LANE_BYTES[program] / self.chunks
            maps = tuple((f"map-{lane}-{chunk}", gives) for chunk in range(self.chunks))
            made[f"merge-{lane}"] = Piece(MERGE_S, maps)
        merged = tuple((f"merge-{lane}", MERGED_BYTES) for lane in range(self.lanes))
        made["merge"] = Piece(MERGE_S, merged)
        made["index"] = Piece(INDEX_S, (("merge", MERGED_BYTES),))
        made["pileup"] = Piece(PILEUP_S, (("index", MERGED_BYTES),))
        return made
