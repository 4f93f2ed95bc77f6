"""Fixtures of the whole suite: one started stack, and that stack emptied."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from local.environment import REPO
from local.stack import Stack

# What Chromium needs to run as root in a container, and to ask nobody for anything.
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# The mark of each room: `make test ARGS="-m deploy"` runs one.
ROOMS = {
    "analysts": "analysts",
    "dags": "pipeline",
    "dbt": "pipeline",
    "expected": "pipeline",
    "faults": "pipeline",
    "landing": "pipeline",
    "pipeline": "pipeline",
    "security": "pipeline",
    "deploy": "deploy",
    "pages": "pages",
    "redshift-emulator": "emulator",
}

# Each stack of the tests takes free ports of its own, whatever the caller has set for the one in the checkout.
for name in [name for name in os.environ if name.startswith("LOCAL_")]:
    del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the mark of its room."""
    for item in items:
        for part in item.path.parts:
            if part in ROOMS and REPO in item.path.parents:
                item.add_marker(ROOMS[part])


@pytest.fixture(scope="session")
def state_root() -> Iterator[Path]:
    """A directory for state directories. Not pytest's own: PostgreSQL, which won't run as root, must reach it."""
    root = Path(tempfile.mkdtemp(prefix="kpi-tests-"))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(state_root: Path) -> Iterator[Stack]:
    """S3 and Redshift, up for the whole session. Tests that use it leave it up and don't rely on its being empty."""
    stack = Stack(state_root / "session")
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.fixture
def fresh_stack(stack: Stack) -> Stack:
    """The session's stack with empty buckets and an empty warehouse."""
    stack.up()
    stack.reset()
    return stack


# For a module and no longer: Playwright's loop runs in this thread for as long as it is started, and whatever calls
# asyncio.run() meanwhile, as Airflow does, is refused.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium. Tests that use it skip where none is installed."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a browser without memory. Errors of its console and requests that failed fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: message.type == "error" and problems.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    page.on("requestfailed", lambda request: problems.extend(_failure_of(request)))
    page.on("response", lambda answer: answer.status >= 400 and problems.append(f"{answer.status}: {answer.url}"))
    yield page
    context.close()
    assert not problems, "\n".join(problems)


def _failure_of(request: Request) -> list[str]:
    """Why a request failed; nothing for one that the page gave up because the reader went on to another page."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"request: {request.url} {request.failure}"]


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where tests keep what they saw: SCREENSHOTS=DIR, or else .local/screenshots."""
    directory = Path(os.environ.get("SCREENSHOTS") or REPO / ".local" / "screenshots")
    directory.mkdir(parents=True, exist_ok=True)
    return directory
