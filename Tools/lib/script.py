"""How scripts of Tools end, and the commands that they start: whatever ends them, what they have started is gone."""

import contextlib
import os
import signal
import subprocess
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds that a command is given to clean up.
PATIENCE = 30


class Ended(BaseException):
    """A signal is to end the script."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def end(number, _):
    # What cleans up is not to be interrupted, and what it starts is not to ignore signals.
    for one in SIGNALS:
        signal.signal(one, lambda *_: None)
    raise Ended(number)


def run_script(name, main, *errors, failure=1):
    """Ends the process with what main returns; with 128 + N by a signal N, which is an exception in main.

    errors: exceptions that are told by their text, as those of the system and of commands are.
    failure: the status that goes with them.
    """
    for number in SIGNALS:
        # nohup's commands go on.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)
    try:
        status = main()
        sys.stdout.flush()
    except Ended as ended:
        status = 128 + ended.number
    except BrokenPipeError:
        status = 128 + signal.SIGPIPE
    except subprocess.CalledProcessError as error:
        command = error.cmd if isinstance(error.cmd, str) else error.cmd[0]
        status = told(name, f"{command} failed with status {error.returncode}", failure)
    except (OSError, *errors) as error:
        status = told(name, error, failure)
    try:
        sys.stdout.flush()
    except OSError:
        # Python would try again, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def end_process(process):
    """Ends a process at once. What strace has started would outlive it; it ends with that, and with all that it has to
    write."""
    while process.poll() is None:
        children = children_of(process.pid) if process.args[0] == "strace" else []
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        if not children:
            process.kill()
        # At its start strace has other children, which it tries tracing with.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def told(name, text, status):
    print(f"{name}: {text}", file=sys.stderr)
    return status


def run_command(command, **options):
    """The status of a command. It gets SIGTERM, and time to clean up, when something ends this script meanwhile."""
    with subprocess.Popen(command, **options) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
