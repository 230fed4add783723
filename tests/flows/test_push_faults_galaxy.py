"""kingdee/galaxy: every accepted quote is exactly one order, with faults on every write."""

from tests.flows.push_faults import *  # noqa: F403  # its tests and fixtures become this module's
from tests.flows.push_faults import road_of

road = road_of("kingdee/galaxy")
