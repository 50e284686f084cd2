"""Records: read back as written, whole or refused, and open to one sweep at a time."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from makemore3.lab import records
from makemore3.lab.records import Header, Record, Result, open_record, read_results

HEADER = Header(
    data={"names": "0" * 16, "shuffle_seed": 42},
    versions={"torch": "2.13.0", "trainer": "C++"},
    splits=["train", "dev"],
    variants={name: {"net": {"function": name}, "lr": 0.1} for name in ("kaiming", "batch-norm")},
)


def result(variant: str, seed: int, loss: float = 2.5) -> Result:
    return HEADER.result(variant, seed, f"w{seed}", losses={"train": loss, "dev": loss + 0.25})


RESULTS = [  # in the order of a finished record
    result("batch-norm", 1, 2.1),
    result("batch-norm", 10, 2.2),
    result("kaiming", 2, 2.3),
    HEADER.result("kaiming", 10, "w10", failure="the loss is nan at step 7"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A finished record."""
    path = tmp_path / "some.jsonl"
    write(path, RESULTS)
    return path


def write(path: Path, results: list[Result]) -> None:
    with open_record(path) as record:
        record.begin(HEADER)
        for each in results:
            record.add(each)
        record.finish()


def test_what_is_written_is_read(path: Path) -> None:
    assert read_results(path) == RESULTS
    assert RESULTS[0].start == {
        "names": "0" * 16,
        "shuffle_seed": 42,
        "net": {"function": "batch-norm"},
        "lr": 0.1,
        "weights": "w1",
    }
    assert RESULTS[0].versions == HEADER.versions
    assert (RESULTS[0].losses, RESULTS[0].failure) == ({"train": 2.1, "dev": 2.35}, None)
    assert (RESULTS[3].losses, RESULTS[3].failure) == ({}, "the loss is nan at step 7")


def test_a_record_is_a_header_and_a_line_for_each_run(path: Path) -> None:
    header, *lines = path.read_text().splitlines()
    assert json.loads(header) == {
        "format": "makemore3 sweep 3",
        "data": HEADER.data,
        "versions": HEADER.versions,
        "splits": HEADER.splits,
        "shared": {"lr": 0.1},
        "variants": {name: {"net": {"function": name}} for name in ("batch-norm", "kaiming")},
    }
    assert lines == [
        '["batch-norm",1,"w1",2.1,2.35]',
        '["batch-norm",10,"w10",2.2,2.45]',
        '["kaiming",2,"w2",2.3,2.55]',
        '["kaiming",10,"w10","the loss is nan at step 7"]',
    ]


def test_what_variants_share_is_written_once(path: Path) -> None:
    deep = {"n": 6, "norm": {"kind": "group", "groups": 8}}
    same = dict.fromkeys("zyxw", 1)
    variants = {
        "b": {**same, "net": {"function": "deep", "arguments": deep}, "lr": 0.1, "steps": 9},
        "a": {
            **{"lr": 1.0, "net": {"arguments": {**deep, "n": 2}, "function": "deep"}, "adam": True},
            **same,
        },
    }
    header = replace(HEADER, variants=variants)
    with open_record(path) as record:
        record.results.clear()
        record.begin(header)
        record.add(header.result("a", 1, "w1", failure="none"))
    assert path.read_text().splitlines()[0].partition('"shared":')[2] == (
        '{"net":{"arguments":{"norm":{"kind":"group","groups":8}},"function":"deep"},'
        '"w":1,"x":1,"y":1,"z":1},"variants":{'
        '"a":{"adam":true,"lr":1.0,"net":{"arguments":{"n":2}}},'
        '"b":{"lr":0.1,"net":{"arguments":{"n":6}},"steps":9}}}'
    ), "sorted by key"
    with open_record(path) as record:
        assert record.header == header


def test_the_order_in_which_runs_end_leaves_no_trace(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    with open_record(other) as record:
        variants = {"unused": {"net": {}, "lr": 1.0}, **dict(reversed(HEADER.variants.items()))}
        record.begin(replace(HEADER, variants=variants))
        for each in reversed(RESULTS):
            record.add(each)
        lines = other.read_text().splitlines()
        assert lines[1].startswith('["kaiming",10,'), "a line is in the file as soon as it is added"
        assert read_results(other) == RESULTS, "sorted, though its lines are not"
        record.finish()
    assert other.read_bytes() == path.read_bytes()


def test_a_finished_record_is_left_untouched(path: Path) -> None:
    before = path.stat()
    with open_record(path) as record:
        assert record.header == HEADER
        assert list(record.results.values()) == RESULTS
        record.finish()
    assert path.stat() == before


@pytest.mark.parametrize("lost", [1, 2, 20, 40])
def test_a_line_that_was_cut_off_is_dropped_when_a_sweep_goes_on(lost: int, path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    with open_record(path) as record:
        missing = [each for each in RESULTS if each not in record.results.values()]
        assert missing == ([] if lost == 1 else RESULTS[3:])  # of the line's end alone, no harm
        record.begin(HEADER)
        for each in missing:
            record.add(each)
        record.finish()
    assert path.read_bytes() == whole


def test_a_header_alone_is_gone_on_with_whether_its_line_ended_or_not(path: Path) -> None:
    whole = path.read_bytes()
    header = whole.splitlines(keepends=True)[0]
    for left in (header, header.rstrip()):
        path.write_bytes(left)
        with open_record(path) as record:
            assert (record.header, record.results) == (HEADER, {})
            record.begin(HEADER)
            for each in RESULTS:
                record.add(each)
            record.finish()
        assert path.read_bytes() == whole


def test_zeros_that_a_power_cut_left_are_a_line_cut_off(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(50))
    with open_record(path) as record:
        record.finish()
    assert path.read_bytes() == whole


def test_a_reader_is_told_of_a_line_that_was_cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(
        ValueError, match=r"some.jsonl is damaged in line 5 .*: delete the line and"
    ):
        read_results(path)


def test_a_run_that_is_in_the_file_twice_counts_once(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + whole)  # a copy of the whole file, its header too
    assert read_results(path) == RESULTS
    with open_record(path) as record:
        record.finish()
    assert path.read_bytes() == whole


def test_two_results_of_one_run_are_refused(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'["kaiming",2,"w2",9.0,9.0]\n')
    with pytest.raises(ValueError, match=r"line 6 \(another result of the run in line 4\)"):
        read_results(path)


LINE = '["kaiming",3,"w3",2.0,2.0]'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('["kaiming",3,"w3"]', "either the losses of train, dev or a failure, got ['kaiming'"),
        ('["kaiming",3,"w3",2.0]', "either the losses of train, dev or a failure"),
        ('["kaiming",3,"w3",2.0,2.0,2.0]', "either the losses of train, dev or a failure"),
        ('["kaiming",3,"w3",2.0,NaN]', "expected a finite loss of each of train, dev, got {"),
        ('["kaiming",3,"w3",2.0,"2.0"]', "expected a finite loss"),
        ('["kaiming",3,"w3",2.0,null]', "expected a finite loss"),
        ('["kaiming",3,"w3","the loss is nan",2.0]', "expected a finite loss"),
        ('["other",3,"w3",2.0,2.0]', "its variant, 'other', is not in the header"),
        ('[["kaiming"],3,"w3",2.0,2.0]', "expected variant, seed, weights"),
        ('["kaiming","3","w3",2.0,2.0]', "expected variant, seed, weights"),
        ('["kaiming",3,3,2.0,2.0]', "expected variant, seed, weights"),
        ('{"variant":"kaiming","seed":3,"weights":"w3"}', "expected variant, seed, weights"),
    ],
)
def test_a_line_that_is_no_result_is_refused_with_its_number(
    line: str, message: str, path: Path
) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ValueError, match="is damaged in line 6") as caught:
        read_results(path)
    assert message in str(caught.value)
    with pytest.raises(ValueError, match="is damaged in line 6"), open_record(path):
        pass


EMPTY = '{"format":"makemore3 sweep 3","data":{},"versions":{},"splits":[],"shared":'
LR = '"variants":{"a":{"lr":1}}}'


@pytest.mark.parametrize("line", ["[]", "{}", "", "3", '["kaiming",', "x" * 300_000])
def test_other_lines_are_refused_in_few_words(line: str, path: Path) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n{LINE}\n")
    with pytest.raises(ValueError, match="is damaged in line 6") as caught:
        read_results(path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]\n",
        '{"format":"makemore3 sweep 1"}\n',
        '{"format":"makemore3 sweep 2","data":{},"versions":{},"splits":[],"variants":{}}\n',
        '{"format":"makemore3 sweep 3"}\n',
        f"{EMPTY}1,{LR}\n",
        f'{EMPTY}{{}},"variants":{{"a":1}}}}\n',
        f'{EMPTY}{{"lr":{{"a":1}}}},{LR}\n',
        "x" * 300_000,
    ],
)
def test_files_that_are_no_record_are_refused_and_stay(content: str, tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"some.jsonl is no record of a sweep") as caught:
        read_results(path)
    assert len(str(caught.value)) < 500
    with pytest.raises(ValueError, match="is no record of a sweep"), open_record(path):
        pass
    assert path.read_text() == content


def test_a_record_without_runs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    write(path, [])
    with pytest.raises(ValueError, match="holds no results: sweep into it first"):
        read_results(path)
    with pytest.raises(FileNotFoundError):
        read_results(tmp_path / "none.jsonl")


def test_a_second_sweep_is_told_of_the_first(path: Path) -> None:
    with (
        open_record(path),
        pytest.raises(ValueError, match=r"another sweep is writing to .*some.jsonl: wait until"),
        open_record(path),
    ):
        pass
    with open_record(path):  # now the first has ended
        pass


def test_a_loss_that_is_not_finite_is_never_written() -> None:
    for losses in ({"train": 2.0, "dev": float("inf")}, {"train": 2.0}, {}, None):
        with pytest.raises(ValueError, match="expected a finite loss"):
            HEADER.result("kaiming", 1, "w1", losses=losses)
    with pytest.raises(ValueError, match="not JSON compliant"):
        records._line({"loss": float("nan")})


def test_a_line_that_does_not_reach_the_disk_is_taken_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("no space left on device")

    before = path.read_bytes()
    with open_record(path) as record:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="no space left"):
                record.add(result("kaiming", 3))
        assert path.read_bytes() == before
        assert ("kaiming", 3) not in record.results
        record.add(result("kaiming", 3))
    assert len(read_results(path)) == 5


def test_a_line_is_on_the_disk_when_it_has_been_added(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda number: sizes.append(os.fstat(number).st_size))
    with open_record(path) as record:
        record.add(result("kaiming", 3))
    assert sizes == [path.stat().st_size]


def test_threads_add_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    with open_record(path) as record:
        record.begin(HEADER)

        def add(first: int) -> None:
            for seed in range(first, first + 25):
                record.add(result("kaiming", seed))

        threads = [threading.Thread(target=add, args=(100 * n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(read_results(path)) == 100


def test_files_left_over_by_a_writer_that_was_killed_are_removed(path: Path) -> None:
    left_over = path.with_name("some.jsonl.123.part")
    left_over.write_text("half")
    with open_record(path) as record:
        assert isinstance(record, Record)
        assert not left_over.exists()
