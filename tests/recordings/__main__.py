"""python -m tests.recordings [PRODUCT]: take the recordings anew from our sandboxes; twice gives the same files."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.products import PRODUCTS
from tests.recordings import scenes
from tests.recordings.recording import HOME, own_files, recordings
from tests.recordings.studio import open_studio
from tests.recordings.taking import Taking
from tests.recordings.tenant import open_tenant


def record(product: str) -> None:
    """What there is stays until all of it has been taken, and folders of real tenants after that."""
    folder = HOME / product
    with open_studio(product) as studio, tempfile.TemporaryDirectory() as home:
        made = Path(home, "made")
        studio.system_file(made, Path(home, "said"))
        scenes.play(Taking(studio, open_tenant(made, Path(home, "tenant")), made))
        for file in own_files(folder):
            file.unlink()
        shutil.copytree(made, folder, dirs_exist_ok=True)
    size = sum(file.stat().st_size for file in own_files(folder))
    print(f"{product}: {len(recordings(folder))} recordings, {size // 1000} KB in {folder}")


def main(names: list[str]) -> int:
    if unknown := [name for name in names if name not in PRODUCTS]:
        print(f"no product {', '.join(unknown)}; there are {', '.join(PRODUCTS)}", file=sys.stderr)
        return 2
    for name in names or PRODUCTS:
        record(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
