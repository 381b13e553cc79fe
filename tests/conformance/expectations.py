from tests.conformance.exchanges import *
from tests.conformance.session import Seen
def expected(client, exchange): return Seen()
