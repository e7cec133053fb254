"""When was each host last seen, and why isn't it now?"""

from importlib.metadata import version

__version__ = version("lastseen")
