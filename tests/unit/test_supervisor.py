"""The supervisor, with small processes of its own: order, restarts, taking over, ending, and what it says."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from commands import children, ports, supervisor, up
from commands.children import Child
from commands.home_lock import HomeLock
from commands.supervisor import Supervisor, noted, state_file, stop_file
from config.errors import ConfigError
from config.settings import Settings, default_database_url

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # left running on purpose
WAIT_S = 30
STAY = "import time; time.sleep(600)"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    home = tmp_path / "var"
    found = Settings(tmp_path / "config", home, default_database_url(home))
    yield found
    children.end([process for _name, process in children.found(found)], grace_s=0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "TICK_S", 0.05)
    monkeypatch.setattr(supervisor, "SETTLED_S", 0.2)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(supervisor, "LOOK_S", 0.2)
    monkeypatch.setattr(supervisor, "GRACE_S", 1)


def script(name: str, code: str, **more: object) -> Child:
    return Child(name, (sys.executable, "-c", code), **more)  # type: ignore[arg-type]  # fields of Child


def listener(name: str, port: int) -> Child:
    """Answers 200 to everything."""
    code = (
        "import sys, http.server as h\n"
        "class A(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self): self.send_response(200); self.end_headers()\n"
        f"h.HTTPServer(('127.0.0.1', {port}), A).serve_forever()"
    )
    return script(name, code, health=f"http://127.0.0.1:{port}/")


@dataclass
class Running:
    """A supervisor in a thread of its own."""

    settings: Settings
    told: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    wrong: list[Exception] = field(default_factory=list)
    thread: threading.Thread = field(default_factory=threading.Thread)

    def pid(self, name: str) -> int:
        return int(noted(self.settings)["children"][name])

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end, self.told
            assert not self.wrong, self.wrong
            time.sleep(0.02)

    def failure(self) -> list[Exception]:
        """What ended it, once it has ended."""
        self.thread.join(WAIT_S)
        return self.wrong

    def said(self, text: str) -> bool:
        return any(text in line for line in self.told)


@contextmanager
def supervised(settings: Settings, *wanted: Child, abandon: bool = False) -> Iterator[Running]:
    """`abandon`: leave everything running, as a supervisor does that is killed."""
    running = Running(settings)
    work = Supervisor(settings, wanted, tell=running.told.append)
    if abandon:
        work.end = lambda: None  # type: ignore[method-assign]  # a killed one ends nothing

    def run() -> None:
        try:
            work.run(running.stop, running.ready.set)
        except Exception as exc:
            running.wrong.append(exc)

    running.thread = threading.Thread(target=run)
    running.thread.start()
    try:
        yield running
    finally:
        running.stop.set()
        running.thread.join(WAIT_S)
    assert not running.thread.is_alive()


def test_what_falls_is_started_again_and_nothing_is_left_at_the_end(settings: Settings) -> None:
    port = ports.any_free()
    with supervised(settings, listener("web", port), script("worker", STAY)) as running:
        running.until(running.ready.is_set)
        assert children.answers(f"http://127.0.0.1:{port}/")
        for name in ("web", "worker"):
            before = running.pid(name)
            psutil.Process(before).kill()
            running.until(lambda name=name, before=before: running.pid(name) != before)
        running.until(lambda: children.answers(f"http://127.0.0.1:{port}/"))
        assert running.said("web ended")
    assert list(children.found(settings)) == []
    assert not state_file(settings).exists()


def test_steps_wait_for_what_they_need_and_run_again_when_it_or_a_file_changes(
    settings: Settings, tmp_path: Path
) -> None:
    port, count = ports.any_free(), tmp_path / "count"
    step = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/'); open({str(count)!r}, 'a').write('x')"
    late = script("worker", f"assert open({str(count)!r}).read(); {STAY}", after=("web", "deploy"))
    deploy = script("deploy", step, after=("web",), once=True)

    def runs() -> int:
        return len(count.read_text()) if count.exists() else 0

    with supervised(settings, late, deploy, listener("web", port)) as running:
        running.until(running.ready.is_set)
        assert runs() == 1
        psutil.Process(running.pid("web")).kill()
        running.until(lambda: runs() == 2)
        settings.systems.mkdir(parents=True)
        (settings.systems / "erp1.yaml").write_text("name: erp1\n")
        running.until(lambda: runs() == 3)
        settings.overlays.mkdir(parents=True)
        (settings.overlays / "erp1.yaml").write_text("orders: {}\n")  # what was broken may be mended there
        running.until(lambda: runs() == 4)
        assert running.said("files or mappings changed")
        assert not running.said("worker ended")


def test_a_step_that_finds_a_mistake_in_a_file_says_so_and_lets_the_rest_begin(settings: Settings) -> None:
    broken = script("deploy", """print('{"broken": {"erp1": "erp1.yaml:3: no such key"}}')""", once=True)
    with supervised(settings, broken, script("worker", STAY, after=("deploy",))) as running:
        running.until(running.ready.is_set)
        assert running.said("erp1.yaml:3: no such key")


def test_a_step_that_fails_is_tried_again(settings: Settings, tmp_path: Path) -> None:
    mark = tmp_path / "tried"
    code = (
        f"import pathlib, sys; mark = pathlib.Path({str(mark)!r}); tried = mark.exists(); mark.touch()\n"
        """tried or print('{"error": "nobody answers"}'); sys.exit(0 if tried else 2)"""
    )
    with supervised(settings, script("deploy", code, once=True)) as running:
        running.until(running.ready.is_set)
        assert running.said("nobody answers")


def test_what_never_comes_up_ends_the_start_with_its_last_words(settings: Settings) -> None:
    with supervised(
        settings, script("fine", STAY), script("server", "raise SystemExit('the disk is full')")
    ) as running:
        (wrong,) = running.failure()
    assert isinstance(wrong, ConfigError)
    assert wrong.code == "child-failed"
    assert (wrong.params["name"], wrong.params["why"]) == ("server", "the disk is full")
    assert list(children.found(settings)) == []


def test_what_was_raised_is_told_rather_than_the_farewell(settings: Settings) -> None:
    code = "print('Traceback\\nalembic.util.exc.CommandError: no such revision\\nServer stopped!'); raise SystemExit(1)"
    with supervised(settings, script("server", code)) as running:
        (wrong,) = running.failure()
    assert isinstance(wrong, ConfigError)
    assert wrong.params["why"] == "alembic.util.exc.CommandError: no such revision"


def test_one_that_lives_but_is_not_ready_in_time_is_given_up(settings: Settings) -> None:
    never = script("server", STAY, health=f"http://127.0.0.1:{ports.any_free()}/", patience_s=0.2)
    with supervised(settings, never) as running:
        (wrong,) = running.failure()
    assert isinstance(wrong, ConfigError)
    assert wrong.params["name"] == "server"


def test_one_that_no_longer_answers_is_started_anew(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SILENT_S", 0.5)
    monkeypatch.setattr(children, "ANSWER_S", 0.3)
    with supervised(settings, listener("web", ports.any_free())) as running:
        running.until(running.ready.is_set)
        before = running.pid("web")
        psutil.Process(before).suspend()
        running.until(lambda: running.pid("web") != before)
        assert running.said("did not answer")


def test_a_successor_takes_over_what_lives_and_ends_what_it_does_not_know(settings: Settings) -> None:
    """Also offspring of a worker that was killed goes on, and ends with everything else."""
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-m', 'timeit', '-n', '1', {STAY!r}]); {STAY}"
    worker = script("worker", code, leaves_offspring=True)
    other = script("other", STAY)
    with supervised(settings, worker, other, script("old", STAY), abandon=True) as first:
        first.until(first.ready.is_set)
        first.until(lambda: len(list(children.found(settings))) == 4)
        pids = noted(settings)["children"]
    psutil.Process(pids["worker"]).kill()
    with supervised(settings, worker, other) as second:
        second.until(second.ready.is_set)
        assert second.pid("other") == pids["other"]
        assert second.pid("worker") != pids["worker"]
        assert not psutil.pid_exists(pids["old"]) or not children.alive(psutil.Process(pids["old"]))
        running = [name for name, _process in children.found(settings)]
        assert sorted(running) == ["other", "worker", "worker", "worker"]
    assert list(children.found(settings)) == []


def test_what_runs_with_other_variables_is_not_taken_over(settings: Settings) -> None:
    """A worker's command does not say which Prefect it asks."""
    before, after = (script("worker", STAY, variables={"PREFECT_API_URL": url}) for url in ("http://a", "http://b"))
    with supervised(settings, before, abandon=True) as first:
        first.until(first.ready.is_set)
        pid = first.pid("worker")
    with supervised(settings, after) as second:
        second.until(second.ready.is_set)
        assert second.pid("worker") != pid
        assert len(list(children.found(settings))) == 1


def test_a_reader_who_is_gone_ends_nothing_and_leaves_nothing(settings: Settings) -> None:
    """`crosstie up | tee log`: Ctrl-C ends tee before us."""

    def gone(_text: str) -> None:
        raise BrokenPipeError

    stop, ready = threading.Event(), threading.Event()
    work = Supervisor(settings, [script("worker", STAY), script("other", STAY)], tell=gone)
    thread = threading.Thread(target=work.run, args=(stop, ready.set))
    thread.start()
    assert ready.wait(WAIT_S)
    psutil.Process(noted(settings)["children"]["worker"]).kill()
    stop.set()
    thread.join(WAIT_S)
    assert list(children.found(settings)) == []


def test_a_full_disk_ends_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    full = ConfigError("file-unwritable", place="up.json", why="No space left on device")
    real, broken = children.start, threading.Event()

    def start(*args: object) -> psutil.Popen:
        if broken.is_set():
            raise full
        return real(*args)  # type: ignore[arg-type]

    with supervised(settings, script("worker", STAY)) as running:
        running.until(running.ready.is_set)
        before = running.pid("worker")
        monkeypatch.setattr(children, "start", start)
        monkeypatch.setattr(supervisor, "write_text", lambda *_: (_ for _ in ()).throw(full))
        broken.set()
        psutil.Process(before).kill()
        running.until(lambda: running.said("No space left"))
        broken.clear()
        running.until(lambda: [name for name, _process in children.found(settings)] == ["worker"])


def test_what_the_killed_forgot_is_taken_away_at_the_next_start(settings: Settings) -> None:
    code = "import tempfile, time; tempfile.mkdtemp(suffix='prefect'); time.sleep(600)"
    with supervised(settings, script("worker", code)) as first:
        first.until(lambda: list(children.temporary(settings).glob("*prefect")))
    with supervised(settings, script("other", STAY)) as second:
        second.until(second.ready.is_set)
        assert list(children.temporary(settings).iterdir()) == []


@pytest.mark.parametrize("name", ["prefect/prefect.db", "secrets/prefect-auth"])
def test_what_another_user_left_is_told_with_its_place(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As after a `sudo crosstie up`. Root may read everything, so the refusal is made up."""

    def refused(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path)) if path.exists() else FileNotFoundError

    (settings.home / name).parent.mkdir(parents=True)
    (settings.home / name).write_text("crosstie:x")
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ConfigError) as caught:
        up.check_state(settings)
    assert caught.value.code == "file-unwritable"
    assert name in caught.value.params["place"]


@pytest.mark.skipif(os.name == "nt", reason="no such signals there")
@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM"])
def test_a_closed_terminal_ends_a_command_as_ctrl_c_does(name: str) -> None:
    """A demo's emulated ERPs run apart from the terminal: whoever started them must live to end them."""
    code = (
        "import signal, sys; from commands.sandbox_process import ended_by_a_signal\n"
        "try:\n    with ended_by_a_signal(): signal.raise_signal(getattr(signal, sys.argv[1]))\n"
        "except KeyboardInterrupt: print('ended')"
    )
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ended\n")


def test_it_ends_when_a_file_asks_for_it(settings: Settings) -> None:
    with supervised(settings, script("worker", STAY)) as running:
        running.until(running.ready.is_set)
        stop_file(settings).write_text("")
        running.until(lambda: not list(children.found(settings)) and not stop_file(settings).exists())


def test_a_child_gets_our_installation_and_nothing_of_a_prefect_of_the_users_own(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_KEY", "mine")
    monkeypatch.setenv("no_proxy", "erp.example.com")
    env = children.environment(settings, "worker", {"PREFECT_API_URL": "http://127.0.0.1:1/api"})
    assert [name for name in env if name.startswith("PREFECT_")] == ["PREFECT_API_URL"]
    assert env["CROSSTIE_HOME"] == str(settings.home)
    assert env["no_proxy"] == "127.0.0.1,localhost,erp.example.com"


def test_a_log_stays_within_bounds_while_it_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_BYTES", 10)
    log = tmp_path / "server.log"
    with log.open("ab", buffering=0) as file:
        file.write(b"a long line of the past\n")
        children.bound_log(log)
        file.write(b"now\n")
    assert log.read_bytes() == b"now\n"
    assert (tmp_path / "server.log.1").read_bytes() == b"a long line of the past\n"
    assert children.last_line(log) == "now"
    children.turn_log(log)
    assert (log.exists(), (tmp_path / "server.log.1").read_bytes()) == (False, b"now\n")
    assert children.last_line(log) == ""


def test_the_lock_is_held_by_one_process_and_free_when_it_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "run" / "up.lock"
    code = (
        "import sys, pathlib, time; from commands.home_lock import HomeLock\n"
        "lock = HomeLock(pathlib.Path(sys.argv[1])); print(lock.take(), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        assert not HomeLock(file).is_free()
        holder.kill()
        holder.wait(WAIT_S)
    lock = HomeLock(file)
    assert lock.take()
    assert not HomeLock(file).is_free()
    lock.release()
    assert HomeLock(file).is_free()
