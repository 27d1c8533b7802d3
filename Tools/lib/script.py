"""How scripts of Tools end, and the processes that they start: whatever ends a script, what it has started is gone."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds that a process is given to clean up.
PATIENCE = 30
# The same of strace when what it traces is gone.
STRACE_PATIENCE = 5


class Ended(BaseException):
    """A signal is to end the script."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


class _Interruption:
    """Signals that end the script. Python handles them in the main thread, between any two steps of it."""

    def __init__(self):
        self._is_held, self._number = False, None

    def install(self):
        for number in SIGNALS:
            # nohup's commands go on.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._take)

    @staticmethod
    def ignore():
        """What cleans up is not to be interrupted; what it starts is not to ignore signals, as it would with SIG_IGN."""
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)

    def _take(self, number, _):
        self.ignore()
        if not self._is_held:
            raise Ended(number)
        self._number = number

    @contextlib.contextmanager
    def held(self):
        """A signal that comes within the `with` statement counts behind it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._number is not None:
            raise Ended(self._number)


_interruption = _Interruption()
_started, _started_lock = [], threading.Lock()


def start(command, **options):
    """Starts a process (subprocess.Popen). Should it still run when the script ends, it is ended then."""
    with _interruption.held(), _started_lock:
        process = subprocess.Popen(command, **options)
        _started[:] = [one for one in _started if one.returncode is None] + [process]
    return process


def run_command(command, is_shell=False, **options):
    """The status of a command. It gets SIGTERM, and time to clean up, when something ends this script meanwhile.

    is_shell: all that it has started gets SIGTERM then, too: a shell leaves it to itself.
    """
    process = start(command, **options)
    try:
        return process.wait()
    except BaseException:
        for pid in descendants(process.pid) if is_shell else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        end_gently([process])
        raise


def run_checked(command, **options):
    """Runs a command of the shell's, or one that runs others as it does, that has to succeed."""
    status = run_command(command, is_shell=True, **options)
    if status != 0:
        raise subprocess.CalledProcessError(status, command)


def end_gently(processes):
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        try:
            process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            end_process(process)


def end_process(process):
    """Ends a process at once. What strace has started would outlive it; it ends with that, and with all that it has to
    write."""
    if process.args[0] == "strace":
        _end_traced(process)
    process.kill()
    process.wait()


def _end_traced(strace):
    deadline = time.monotonic() + STRACE_PATIENCE
    while strace.poll() is None and time.monotonic() < deadline:
        # So that it starts nothing meanwhile: at first it has children that it only tries tracing with.
        strace.send_signal(signal.SIGSTOP)
        while state_of(strace.pid) in "RSD":
            time.sleep(0.001)
        children = children_of(strace.pid)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        if not children:
            return
        strace.send_signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            strace.wait(0.1)


def state_of(pid):
    """R, S, D, T (stopped), Z (it has ended), or such (proc_pid_stat(5)); X where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid):
    children = children_of(pid)
    return children + [one for child in children for one in descendants(child)]


def run_script(name, main, *errors, failure=1):
    """Ends the process with what main returns; with 128 + N by a signal N, which is an exception in main.

    errors: exceptions that are told by their text, as those of the system and of commands are.
    failure: the status that goes with them.
    """
    _interruption.install()
    try:
        status = _status(name, main, errors, failure)
        _interruption.ignore()
    except Ended as ended:
        status = 128 + ended.number
    end_gently([process for process in _started if process.poll() is None])
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        # Python would try again, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _status(name, main, errors, failure):
    try:
        status = main()
        if sys.stdout:
            sys.stdout.flush()
        return status
    except subprocess.CalledProcessError as error:
        command = error.cmd if isinstance(error.cmd, str) else error.cmd[0]
        text = f"{command} failed with status {error.returncode}"
    except (OSError, *errors) as error:
        if isinstance(error, BrokenPipeError) and _is_output_broken():
            return 128 + signal.SIGPIPE
        text = error
    print(f"{name}: {text}", file=sys.stderr)
    return failure


def _is_output_broken():
    """Whether nobody reads what the script prints: what could not be written is tried again."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:
        return True
    return False
