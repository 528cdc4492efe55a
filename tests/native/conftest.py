import pytest

from lamella import native


@pytest.fixture(params=[1, 2, 3, 4])
def threads(request):
    """Run the test on teams of several sizes, more than there may be cores."""
    before = native.num_threads()
    native.set_num_threads(request.param)
    yield request.param
    native.set_num_threads(before)
