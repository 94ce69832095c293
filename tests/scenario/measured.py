"""What it costs to refuse files: ``measured.py FILE…`` prints a line of JSON for each."""

import json
import os
import resource
import sys
import time

from simcluster import load_scenario
from simcluster.scenario import InvalidFile


def refused(path):
    """Seconds of the processor, megabytes more than before, and what is said."""
    before_kb, begin_s = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    said = "it was read"
    try:
        load_scenario(path)
    except InvalidFile as error:
        said = str(error)
    seconds = time.process_time() - begin_s
    return [seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024, said]


if __name__ == "__main__":
    refused(os.devnull)  # so that all that is imported late is here
    for path in sys.argv[1:]:
        # Each in a process of its own, which begins with the memory of this one.
        if (child := os.fork()) == 0:
            print(json.dumps(refused(path)), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
