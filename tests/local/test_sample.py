import csv
import hashlib
import re
import subprocess
import sys
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pytest

from local.environment import REPO
from local.foreign import KINDS, rewrite
from local.sample import Sample
from tests.expected.kpis import catalogue

TIME = re.compile(r"\d{4}-\d{2}-\d{2}[ T]([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.]\d{1,6})?")


def fingerprint(directory: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(directory.rglob("*.csv")):
        digest.update(file.relative_to(directory).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def classified(lines: list[list[str]], known: set[tuple[str, str, datetime]]) -> Counter[str]:
    """Count stream lines by the contract, written without a look at the sample's code."""
    counts: Counter[str] = Counter()
    for fields in lines:
        counts["lines"] += 1
        if len(fields) != 3:
            counts["refused"] += 1
            continue
        user, track, at = (field.strip(" ") for field in fields)
        try:
            moment = datetime.fromisoformat(at) if TIME.fullmatch(at) else None
        except ValueError:
            moment = None
        if not user or not track or moment is None or not 2000 <= moment.year < 2030:
            counts["rejects"] += 1
        elif (user, track, moment) in known:
            counts["duplicates"] += 1
        else:
            known.add((user, track, moment))
            counts[moment.date().isoformat()] += 1
    return counts


def stream_lines(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    assert header == ["user_id", "track_id", "listen_time"]
    return rows


def test_the_sample_is_the_same_everywhere(tmp_path: Path) -> None:
    """The hash is of Python 3.11 and 3.12 alike; whoever changes the sample on purpose changes it here."""
    Sample().write(tmp_path / "a")
    Sample().write(tmp_path / "b")
    Sample(seed=8).write(tmp_path / "c")
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b")
    assert fingerprint(tmp_path / "a") != fingerprint(tmp_path / "c")
    assert fingerprint(tmp_path / "a") == "18e6aa3d6c116588296c2a0a6325ee0500861bdca8ed2fc1659f762efbca28d8"


def test_contents_are_what_the_files_hold(tmp_path: Path) -> None:
    sample = Sample()
    known: set[tuple[str, str, datetime]] = set()
    for batch in (1, 2, 3):
        contents = sample.write(tmp_path / str(batch), batch)
        files = [tmp_path / str(batch) / name for name in contents.files]
        assert sorted(files) == sorted(file for file in (tmp_path / str(batch)).rglob("*") if file.is_file())
        counts: Counter[str] = Counter()
        for file in files:
            if "streams" in file.relative_to(tmp_path).parts:
                rows = stream_lines(file)
                counts += classified(rows, known)
                refused = sum(len(row) != 3 for row in rows)
                assert refused <= max(1, 0.003 * len(rows)), file
        assert counts.pop("lines") == contents.lines
        assert (counts.pop("refused"), counts.pop("rejects")) == (contents.refused, contents.rejects)
        assert counts.pop("duplicates") == contents.duplicates
        assert {date.fromisoformat(day): number for day, number in counts.items()} == contents.listens
        assert min(contents.refused, contents.rejects, contents.duplicates, contents.unknown_tracks) > 0


def test_the_first_batch_has_the_size_and_the_flaws_it_promises(tmp_path: Path) -> None:
    contents = Sample().write(tmp_path)
    assert contents.files[:2] == ["songs.csv", "users.csv"]
    assert 29_000 < contents.lines < 31_000
    assert [day.isoformat() for day in sorted(contents.listens)] == ["2024-06-24", "2024-06-25", "2024-06-26"]

    with (tmp_path / "songs.csv").open(encoding="utf-8", newline="") as lines:
        songs = list(csv.DictReader(lines))
    with (tmp_path / "users.csv").open(encoding="utf-8", newline="") as lines:
        users = {row["user_id"] for row in csv.DictReader(lines)}
    assert (len(songs), len(users)) == (2000, 1000)
    credits = [song["artists"].split(";") for song in songs]
    assert any(len(set(names)) < len(names) for names in credits)
    assert any(name.endswith(" ") for names in credits for name in names)
    assert any('"' in name for names in credits for name in names)
    assert any("," in song["track_name"] for song in songs)
    assert any(not song["popularity"] for song in songs)
    assert any(not song["artists"] and song["duration_ms"] == "0" for song in songs)
    genres = Counter(song["track_id"] for song in songs)
    assert Counter(genres.values()) == {1: 2000 - 2 * 166, 2: 166}

    rows = [row for file in tmp_path.glob("streams/*.csv") for row in stream_lines(file) if len(row) == 3]
    heard = Counter(track.strip() for _, track, _ in rows)
    tracks = set(genres)
    assert sum(number for track, number in heard.items() if track and track not in tracks) >= contents.unknown_tracks
    assert any(user.strip() and user.strip() not in users for user, _, _ in rows)
    most = sum(number for _, number in heard.most_common(len(heard) // 10))
    assert most > 0.3 * len(rows)  # a tenth of the tracks has much of the attention
    hours = Counter(at[11:13] for _, _, at in rows if TIME.fullmatch(at))
    assert hours["20"] > 5 * hours["03"]


def test_a_further_batch_is_one_more_day_and_late_rows_for_older_ones(tmp_path: Path) -> None:
    contents = Sample().write(tmp_path, 2)
    assert contents.files == ["streams/2024-06-27.csv", "streams/late/2024-06-24.csv"]
    days = sorted(day.isoformat() for day in contents.listens)
    assert days == ["2024-06-24", "2024-06-26", "2024-06-27"]
    assert not (tmp_path / "songs.csv").exists()


@pytest.mark.parametrize(("days", "rows"), [(1, 500), (5, 20_000)])
def test_size_is_a_parameter(tmp_path: Path, days: int, rows: int) -> None:
    contents = Sample(days=days, rows=rows).write(tmp_path)
    assert len(contents.files) >= 2 + days
    assert abs(contents.lines - rows) < 0.05 * rows + 20
    for file in tmp_path.glob("streams/**/*.csv"):
        lines = stream_lines(file)
        assert sum(len(row) != 3 for row in lines) <= 0.003 * len(lines)


@pytest.mark.parametrize("kind", KINDS)
def test_files_as_other_people_write_them(tmp_path: Path, kind: str) -> None:
    """By the contract they mean the same, but for what the kind is about."""
    before = Sample(rows=3000).write(tmp_path)
    own = catalogue(tmp_path / "songs.csv")
    rewrite(tmp_path, kind)
    songs = catalogue(tmp_path / "songs.csv")
    assert before.files and songs.songs.keys() == own.songs.keys()
    lines = (tmp_path / "songs.csv").read_text().splitlines()
    match kind:
        case "pandas":
            assert ".0," in lines[2]
            differs = [track for track, song in own.songs.items() if songs.songs[track] != song]
            assert len(differs) <= 1, "but for the gap, whole numbers with a point are whole numbers"
        case "no-id":
            assert "id" not in lines[0].split(",")
            assert {song.id for song in songs.songs.values()} == {None}
        case "spellings":
            told = {song.track_genre for song in songs.songs.values() if song.track_genre}
            assert len(told) > 2 * len({genre.lower() for genre in told})
        case "broken-lines":
            assert songs.refused == 2 and own.refused == 0
            assert len((tmp_path / "users.csv").read_text().splitlines()) == 1000 + 1 + 2


def test_a_kind_that_there_is_not_is_refused_in_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.sample", str(tmp_path), "--rows", "3000"]
    done = subprocess.run([*command, "--like", "excel"], capture_output=True, text=True, cwd=REPO)
    assert done.returncode == 2 and "invalid choice: 'excel'" in done.stderr and "Traceback" not in done.stderr
    done = subprocess.run(
        [*command, "--like", "pandas", "--like", "spellings"], capture_output=True, text=True, cwd=REPO
    )
    assert done.returncode == 0, done.stderr
    done = subprocess.run([*command, "--like", "pandas", "--batch", "2"], capture_output=True, text=True, cwd=REPO)
    assert done.returncode == 2 and "--like is of batch 1" in done.stderr
