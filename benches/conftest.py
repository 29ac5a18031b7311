"""The modules of the gate are siblings of a script and no package: tests find them through this folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
