"""Run the project's modules without what Python has on POSIX systems only; see test_other_systems.py.

``import NAME...`` imports modules and prints their names; ``try FILE`` imports the modules and runs the
commands that a JSON file lists, in one process, and prints what came of it as JSON.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import json
import os
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

OURS = ("sim", "hydra_plugins")
MODULES = frozenset(
    "fcntl resource pwd grp spwd crypt termios tty pty syslog posix readline curses nis".split()
)
HIDDEN = {
    os: """
        O_ACCMODE O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY O_DSYNC O_NOATIME O_NOCTTY O_NOFOLLOW
        O_NONBLOCK O_PATH O_SYNC O_TMPFILE WNOHANG WIFEXITED WIFSIGNALED WIFSTOPPED WEXITSTATUS
        WTERMSIG chown chroot confstr copy_file_range ctermid eventfd fchdir fchown fdatasync fork
        forkpty fpathconf fstatvfs getegid geteuid getgid getgrouplist getgroups getloadavg getpgid
        getpgrp getpriority getresgid getresuid getsid getuid getxattr killpg lchown listxattr lockf
        lseek_data major makedev memfd_create minor mkfifo mknod mremap nice openpty pathconf
        pidfd_open pipe2 posix_fadvise posix_fallocate posix_spawn posix_spawnp pread preadv pwrite
        pwritev readv register_at_fork sched_getaffinity sched_getparam sched_getscheduler
        sched_setaffinity sched_yield sendfile setegid seteuid setgid setgroups setpgid setpriority
        setregid setsid setuid setxattr splice statvfs sync sysconf tcgetpgrp tcsetpgrp ttyname
        uname wait wait3 wait4 waitid writev
    """,
    signal: """
        ITIMER_REAL SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGIO SIGKILL SIGPIPE SIGPROF SIGQUIT
        SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGWINCH alarm getitimer pause
        pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigtimedwait sigwait
        sigwaitinfo
    """,
}


def lesser(module: ModuleType, names: str) -> ModuleType:
    """The module without some names."""
    copy = ModuleType(module.__name__, module.__doc__)
    hidden = set(names.split())
    copy.__dict__.update({name: value for name, value in vars(module).items() if name not in hidden})
    return copy


def hide() -> None:
    """From now on the project's modules, and a probe's, import Windows' part alone."""
    shown = {module.__name__: lesser(module, names) for module, names in HIDDEN.items()}
    plainly = builtins.__import__

    def guarded(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> ModuleType:
        importer = str((globals or {}).get("__name__", ""))
        if level == 0 and importer.partition(".")[0] in (*OURS, "sim_probe"):
            top = name.partition(".")[0]
            if top in MODULES:
                raise ModuleNotFoundError(f"{importer}: no module named '{name}' on Windows", name=name)
            if name in shown or (top in shown and not fromlist):
                plainly(name, globals, locals, fromlist, level)
                return shown[top]
        return plainly(name, globals, locals, fromlist, level)

    builtins.__import__ = guarded


def main(mode: str, words: list[str]) -> int:
    """Import modules, and run commands; the exit status."""
    assert not any(name.partition(".")[0] in OURS for name in sys.modules)
    hide()
    if mode == "import":
        sys.path.insert(0, "")
        for name in words:
            importlib.import_module(name)
        print(json.dumps(words))
        return 0
    asked = json.loads(Path(words[0]).read_text(encoding="utf-8"))
    for name in asked["modules"]:
        importlib.import_module(name)
    cli, done = importlib.import_module("sim.cli"), []
    for line in asked["commands"]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = int(cli.main(line))
        done.append([code, said.getvalue()])
    print(json.dumps({"modules": asked["modules"], "commands": done}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
