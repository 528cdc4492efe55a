"""The order of regions while fusion adds to what they read."""

import numpy as np
import pytest

from lamella.passes.region import Region, depends, in_order, let_read


def reaches(region, target):
    return region is target or any(reaches(r, target) for r in region.reads)


@pytest.mark.parametrize("seed", range(20))
def test_an_answer_is_what_following_all_reads_gives(seed):
    rng = np.random.default_rng(seed)
    regions = []
    for position in range(40):
        is_new = not regions or rng.random() < 0.6
        if is_new:
            regions.append(Region("loop", (), position, position, len(regions)))
        reader = regions[-1] if is_new else regions[rng.integers(len(regions))]
        sources = set(rng.choice(regions, min(3, len(regions)), replace=False)) - {reader}
        expected = any(reaches(s, reader) for s in sources)
        assert depends(sources, reader) == expected
        if not expected:
            let_read(reader, sources)
        assert sorted(r.place for r in regions) == list(range(len(regions)))
        assert all(s.place < r.place for r in regions for s in r.reads)
    order = in_order(regions)
    assert all(order.index(s) < order.index(r) for r in regions for s in r.reads)
