"""Exit 0 if the address answers with a good status: the containers' health check, asked without a proxy."""

import sys
import urllib.error
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    opener.open(sys.argv[1], timeout=4).close()
except (OSError, urllib.error.URLError) as exc:
    sys.exit(f"{sys.argv[1]}: {exc}")
