import pytest
from compilers import METHODS

from makemore3.fast import Method


@pytest.fixture(params=["compiled", "stacked"])
def method(request: pytest.FixtureRequest) -> Method:
    if request.param not in METHODS:
        pytest.skip("there is no C++ compiler")
    return request.param
