"""Checks of a test that goes on after one has failed, each told as a line; standard library only."""

failures = []


def check(condition, what, told=""):
    """Tells whether `condition` holds; where it does not, the end of what was `told` too."""
    print(("ok    " if condition else "FAIL  ") + what + ("" if condition else "\n" + str(told)[-4000:]), flush=True)
    if not condition:
        failures.append(what)


def conclude():
    """The test's exit code, after its last line."""
    print(f"{len(failures)} failures" if failures else "all as expected")
    return 1 if failures else 0
