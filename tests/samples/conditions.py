"""Functions that are conditions, good and bad ones, and a handler for their tasks."""

CONDITIONS = '''
    """Conditions, good and bad ones."""
    import os, signal, time
    from pathlib import Path


    def run(context):
        """Fail at the first attempt; at the second, return the names of the params."""
        if context["attempt"] == 1:
            raise ConnectionError("not yet")
        return {"status": "success", "output": sorted(context["params"]), "error": None}


    def yes(context):
        """Note that it was asked, spoil what it was given, and say yes."""
        with open(context["params"].pop("asked"), "a") as file:
            file.write("asked ")
        return True


    def no(context):
        """Say no."""
        print("looked at five files")
        return False, "3 of 5 files, password=hunter2"


    def killed_at_first(context):
        """Say no, but kill the process at the first time."""
        asked = Path(context["params"]["asked"])
        if not asked.exists():
            asked.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return False


    def fails(context):
        """Fail."""
        raise ConnectionError("the calendar is down")


    def nonsense(context):
        """Return what is no answer."""
        return "perhaps"


    def hangs(context):
        """Never answer."""
        time.sleep(60)
'''
