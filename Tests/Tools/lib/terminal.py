"""A shell in a real terminal (tmux), looked at as a person does: by what the screen shows."""

import contextlib
import re
import subprocess

from place import PATIENCE, Failure, wait_until


class Terminal:
    """An interactive shell in a terminal that is as large as wanted. Use it in a `with` statement.

    The prompt is `status-N$`, with the status of the last command.
    """

    def __init__(self, place, columns=80, rows=24):
        self.place = place
        self.socket = place.directory / "tmux"
        startup = place.directory / "bashrc"
        startup.write_text("PS1='status-$?$ '\nunset HISTFILE PROMPT_COMMAND\n")
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
            f"exec bash --noprofile --rcfile {startup}")
        self.processes = [int(self._format("pid")), int(self._format("pane_pid"))]
        self.wait_for(r"^status-0\$$")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Failure):
            self._tmux("kill-server")

    def _tmux(self, *arguments):
        environment = {key: value for key, value in self.place.environment.items() if key != "TMUX"}
        done = subprocess.run(
            ["tmux", "-u", "-S", self.socket, *arguments], env=environment, cwd=self.place.directory,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode:
            raise Failure(f"tmux {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def _format(self, variable):
        return self._tmux("display-message", "-p", f"#{{{variable}}}").strip()

    # What a person does

    def type(self, line):
        """Types a line and Enter, on a screen that holds nothing else."""
        self._tmux("send-keys", "C-l")
        self.wait_for(r"\Astatus-\d+\$\s*\Z")
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def press(self, *keys):
        """Presses keys, by tmux's names: `q`, `C-c`, `Down`."""
        self._tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    # What a person sees

    def screen(self):
        """What is shown now: lines without the spaces at their ends."""
        return self._tmux("capture-pane", "-p").rstrip("\n")

    def wait_for(self, pattern, seconds=PATIENCE):
        """Waits until the screen shows a pattern; returns the match."""
        return wait_until(
            lambda: re.search(pattern, self.screen(), re.MULTILINE),
            lambda: f"{pattern!r} on the screen, which shows:\n{self.screen()}", seconds)

    def wait_for_prompt(self, status):
        """Waits for the prompt behind a command, and for its status."""
        # Linux sends the signal before it shows the key that does (n_tty), now and then so late that the prompt comes first.
        self.wait_for(rf"^(\^C)?status-{status}\$$")

    def run(self, line):
        """Runs a command that ends by itself with status 0; returns what it printed."""
        self.type(line)
        self.wait_for(r"\Astatus-\d+\$ .*\n(.*\n)*status-0\$\Z")
        return "\n".join(self.screen().splitlines()[1:-1])

    # How the terminal is

    def state(self):
        """Everything about the terminal that a program must leave as it was; its size is not."""
        settings = self.run("stty -a | tr '\\n' ' ' >settings")
        if settings:
            raise Failure(f"stty says {settings}")
        modes = (self.place.directory / "settings").read_text()
        shown = {
            name: self._format(name)
            for name in ("alternate_on", "cursor_flag", "insert_flag", "keypad_flag", "mouse_any_flag", "origin_flag",
                         "wrap_flag")}
        return {"stty": re.sub(r"(rows|columns) \d+;", "", modes), **shown}

    @contextlib.contextmanager
    def unchanged(self):
        """Fails where the block leaves the terminal changed, or something in the place."""
        before = self.state()
        yield
        after = self.state()
        changes = [f"{name} was '{was}' and is '{after[name]}'" for name, was in before.items() if was != after[name]]
        if changes:
            raise Failure(f"the terminal is not as it was: {'; '.join(changes)}")
        self.place.check_nothing_is_left(*self.processes)
