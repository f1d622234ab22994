from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass

import pytest

from gateway.app.process import ROLES
from tests.cli.parsing import parsed
from tests.tidy.source import CHECKOUT

FLOATING = re.compile(r":latest$|^[^:]+$")


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a Dockerfile, its continuation lines joined."""

    word: str
    rest: str


def steps(text: str) -> list[Step]:
    lines = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    pairs = (line.split(None, 1) for line in lines.splitlines() if line.strip())
    return [Step(word.upper(), " ".join(rest.split())) for word, rest in pairs]


@pytest.fixture(scope="module")
def built() -> list[Step]:
    return steps((CHECKOUT / "Dockerfile").read_text("utf-8"))


@pytest.fixture(scope="module")
def shipped(built: list[Step]) -> list[Step]:
    last = max(number for number, step in enumerate(built) if step.word == "FROM")
    return built[last:]


def of(word: str, found: list[Step]) -> list[str]:
    return [step.rest for step in found if step.word == word]


def test_what_is_shipped_is_not_what_it_was_built_in(built: list[Step], shipped: list[Step]) -> None:
    assert len(of("FROM", built)) == 2
    assert of("COPY", shipped) == ["--from=build /opt/tillgate /opt/tillgate"]
    assert not [run for run in of("RUN", shipped) if "pip" in run]


def test_images_have_a_fixed_name(built: list[Step]) -> None:
    assert [image for image in of("FROM", built) if FLOATING.search(image.split()[0])] == []
    assert FLOATING.search("python:latest")
    assert FLOATING.search("python")


def test_it_does_not_run_as_root(shipped: list[Step]) -> None:
    assert of("USER", shipped) == ["10001:10001"]
    words = [step.word for step in shipped]
    assert words.index("USER") < words.index("WORKDIR") < words.index("VOLUME")
    assert any("--uid 10001" in run for run in of("RUN", shipped))


def test_only_the_lock_is_installed(built: list[Step]) -> None:
    installs = [run for run in of("RUN", built) if "pip install" in run]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert {"--no-deps", "--no-build-isolation"} <= set(installs[1].split())


def test_its_health_is_asked_for_where_it_listens(shipped: list[Step]) -> None:
    (check,) = of("HEALTHCHECK", shipped)
    command = json.loads(check.partition("CMD ")[2])
    compile(command[2], "healthcheck", "exec")
    assert "TILLGATE_HTTP__PORT" in command[2]
    assert "TILLGATE_HTTP__PORT=8080" in " ".join(of("ENV", shipped))
    assert of("EXPOSE", shipped) == ["8080 8583"]


def test_what_the_image_needs_is_let_in(built: list[Step]) -> None:
    let_in = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = {name for copy in of("COPY", built) if "--from" not in copy for name in copy.split()[:-1]}
    assert copied == let_in
    assert [name for name in copied if not (CHECKOUT / name).exists()] == []


def test_the_project_finds_all_its_parts_in_the_image(built: list[Step]) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"]}
    copied = {name for copy in of("COPY", built) for name in copy.split()[:-1]}
    assert needed <= copied


def test_the_settings_of_the_image_are_settings(shipped: list[Step]) -> None:
    defaults = tomllib.loads((CHECKOUT / "config/default.toml").read_text("utf-8"))
    compose = (CHECKOUT / "compose.yaml").read_text("utf-8")
    names = re.findall(r"TILLGATE_([A-Z_]+)", " ".join(of("ENV", shipped)) + compose)
    for name in names:
        place = defaults
        for part in name.lower().split("__"):
            assert part in place, f"TILLGATE_{name} is no setting"
            place = place[part]


def test_the_image_and_the_compose_file_run_what_the_command_has(shipped: list[Step]) -> None:
    assert of("ENTRYPOINT", shipped) == ['["tillgate"]']
    compose = (CHECKOUT / "compose.yaml").read_text("utf-8")
    commands = [*of("CMD", shipped), *re.findall(r"command: (\[.*\])", compose)]
    assert [parsed(json.loads(command)) for command in commands] == [("serve",), ("migrate",), ("serve",)]
    (roles,) = re.findall(r'"--roles", "([a-z,]+)"', compose)
    assert tuple(roles.split(",")) == ROLES


def test_the_gateway_waits_for_its_schema() -> None:
    compose = (CHECKOUT / "compose.yaml").read_text("utf-8")
    gateway = compose.split("\n  gateway:\n")[1].split("\nvolumes:")[0]
    assert re.search(r"migrate:\n\s+condition: service_completed_successfully", gateway)


def test_continued_lines_are_one_instruction() -> None:
    assert steps("# note\nrun a \\\n    b\n\nUSER x\n") == [Step("RUN", "a b"), Step("USER", "x")]
