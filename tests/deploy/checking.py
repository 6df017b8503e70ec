"""A test here is a function of what it checks to the texts of what is wrong; each has controls: damages that it must find."""
import copy
import sys


def run(name, find, good, damages):
    """`find(good)` must find nothing, and for each (text, damage) `find` of a damaged copy must find something with that text."""
    failed = False
    for problem in find(good):
        failed = True
        print(f"FAIL  {name}: {problem}")
    for expected, damage in damages:
        bad = copy.deepcopy(good)
        bad = damage(bad) or bad
        if bad == good:
            failed = True
            print(f"FAIL  {name}: the control for {expected!r} damages nothing")
            continue
        found = find(bad)
        if not any(expected in each for each in found):
            failed = True
            print(f"FAIL  {name}: the control for {expected!r} is not found; found: {found}")
    print(f"{'FAIL' if failed else 'ok'}    {name}, {len(damages)} controls")
    return not failed


def end(*passed):
    sys.exit(0 if all(passed) else 1)
