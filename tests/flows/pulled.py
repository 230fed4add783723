"""What a whole pull of sap/s4 reads, in its order: the objects that its mapping has."""

from __future__ import annotations

from pathlib import Path

import yaml

from crm_core import model

_MAPPING = Path(__file__).resolve().parents[2] / "mappings" / "sap" / "s4.yaml"
_OBJECTS = yaml.safe_load(_MAPPING.read_text(encoding="utf-8"))["objects"]
PULLED = [obj for obj in model.PULLED if "pull" in _OBJECTS.get(obj, {})]
