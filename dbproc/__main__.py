"""``python -m dbproc``."""

import sys

from dbproc.cli import main

sys.exit(main())
