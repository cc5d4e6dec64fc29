"""Says what a dump is and whether it could be loaded, before any database is touched.

``profile`` and ``expected`` are pure; ``assessment`` reads the files through
``harness.load`` and writes nothing.
"""

from harness.assess.assessment import Assessment, assess
from harness.assess.printing import as_dict, print_assessment

__all__ = ["Assessment", "as_dict", "assess", "print_assessment"]
