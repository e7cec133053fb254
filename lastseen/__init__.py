"""When was each host last seen, and why isn't it now?"""
