"""The service with default settings: a worker for each core."""

import os
import runpy
import sys
from pathlib import Path

os.environ |= {"PORT": sys.argv[1], "CONVSCOPE_DRAIN_GRACE": "0"}
os.chdir(Path(__file__).parents[3])
runpy.run_module("service", run_name="__main__")
