import pytest

from lamella import native


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory):
    """Tests neither use nor leave compiled code in the user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMELLA_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("LAMELLA_CACHE", raising=False)
        yield


@pytest.fixture(params=[1, 2, 3, 4])
def threads(request):
    """Run the test on teams of several sizes, more than there may be cores."""
    before = native.num_threads()
    native.set_num_threads(request.param)
    yield request.param
    native.set_num_threads(before)
