"""The names, wherever they come from, and the examples made of them."""

import errno
import hashlib
import string
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from makemore3.data import (
    LECTURE_NAMES,
    Names,
    RemoteFile,
    Split,
    Vocabulary,
    build_split,
    load_dataset,
    load_names,
    minibatch,
)
from makemore3.data import names as corpus

CONTENT = "\n".join(["emma", "ava", "mia", "ada"] * 5000).encode()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
REFUSING = "http://127.0.0.1:9/names.txt"


@dataclass
class Server:
    """A web server whose answer to any request is one function."""

    remote: RemoteFile
    requests: list[str]


def send(handler: BaseHTTPRequestHandler, content: bytes, *, announced: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(announced or len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers on the loopback interface; stop them and their clients afterwards."""
    done = threading.Event()
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[BaseHTTPRequestHandler, threading.Event], None]) -> Server:
        seen: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)
                try:
                    answer(self, done)
                except OSError:  # the client has left
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/names.txt"
        return Server(RemoteFile(url, len(CONTENT), SHA256), seen)

    yield start
    done.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what was loaded and said, before and after; let nothing but loopback answer."""
    monkeypatch.delenv("MAKEMORE_NAMES", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    corpus._lecture_or_built_in.cache_clear()
    corpus._say.cache_clear()
    yield
    corpus._lecture_or_built_in.cache_clear()
    corpus._say.cache_clear()


@pytest.fixture(scope="module")
def lecture() -> Names:
    """The lecture's names, if this machine has them in one of the offline places."""
    names = load_names(remote=replace(LECTURE_NAMES, url=REFUSING))
    if not names.from_lecture:
        pytest.skip("the lecture's names.txt is neither in MAKEMORE_NAMES nor in the cache")
    return names


# --- The file that MAKEMORE_NAMES names ------------------------------------------------------


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mine.txt"
    monkeypatch.setenv("MAKEMORE_NAMES", str(path))
    return path


def test_chosen_file_is_read_in_its_order_and_said_once(chosen, capsys):
    chosen.write_bytes(b"zoe\nava\nzoe\n")
    names = load_names()
    assert list(names) == ["zoe", "ava", "zoe"]
    assert names.source == f"file {chosen}"
    assert names.sha256 == hashlib.sha256(b"zoe\nava\nzoe").hexdigest()
    assert not names.from_lecture
    load_names()
    assert capsys.readouterr().err == (
        f"makemore3: 3 names of {chosen} (12 bytes; not the lecture's names.txt, which has 228,145 "
        "bytes and another digest: expect other numbers than the lecture's)\n"
    )


def test_chosen_file_wins_over_the_cache(chosen, tmp_path):
    chosen.write_text("zoe")
    (tmp_path / "names.txt").write_bytes(CONTENT)
    assert list(load_names(cache_dir=tmp_path, remote=RemoteFile(REFUSING, 0, SHA256))) == ["zoe"]


HARMLESS = [
    lambda content: content,
    lambda content: content + b"\n",
    lambda content: content + b"\n\n \n",
    lambda content: content.replace(b"\n", b"\r\n"),
    lambda content: content.replace(b"\n", b"\r\n") + b"\r\n",
    lambda content: content.replace(b"\n", b"\r"),
    lambda content: content.replace(b"\n", b" \t\n"),
    lambda content: b"\xef\xbb\xbf" + content,
]


@pytest.mark.parametrize("change", HARMLESS)
def test_the_form_of_the_file_makes_no_other_names(chosen, change, capsys):
    chosen.write_bytes(change(CONTENT))
    names = load_names(remote=RemoteFile(REFUSING, len(CONTENT), SHA256))
    assert names.words == tuple(CONTENT.decode().split("\n"))
    assert (names.source, names.sha256) == ("lecture's names.txt", SHA256)
    said = f"makemore3: 20,000 names, the lecture's names.txt ({chosen})\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("change", HARMLESS)
def test_the_lectures_names_are_known_in_any_form(chosen, change, lecture):
    chosen.write_bytes(change("\n".join(lecture).encode()))
    assert load_names().from_lecture
    assert load_names().sha256[:16] == "0a30b5557f192f32"


def test_the_lectures_names_are_known_by_their_digest_wherever_they_are_from():
    assert Names(("zoe",), "file mine.txt", LECTURE_NAMES.sha256).from_lecture
    assert not Names(("zoe",), "lecture's names.txt", SHA256).from_lecture


@pytest.mark.parametrize(
    "change",
    [
        lambda words: words[1:],
        lambda words: [*words, "zoe"],
        lambda words: [words[1], words[0], *words[2:]],
        lambda words: ["".join(words[:2]), *words[2:]],
    ],
)
def test_other_names_have_another_digest(chosen, change):
    chosen.write_text("\n".join(change(CONTENT.decode().split("\n"))))
    names = load_names(remote=RemoteFile(REFUSING, len(CONTENT), SHA256))
    assert names.sha256 != SHA256
    assert names.source == f"file {chosen}"


@pytest.mark.parametrize("line", ["A" * 260_000, "a" * 260_000 + ".", "é" * 260_000])
def test_an_error_is_short_however_long_a_line_is(chosen, line):
    chosen.write_text(f"zoe\n{line}\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"line 2: .* got '.{40}'\.\.\. \(260,00. characters\)"
    ) as it:
        load_names()
    assert len(str(it.value)) < 400


def test_a_relative_path_counts_from_where_the_process_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("zoe")
    monkeypatch.setenv("MAKEMORE_NAMES", "mine.txt")
    assert list(load_names()) == ["zoe"]


def test_truncated_file_is_used_with_a_note_of_both_sizes(chosen, capsys):
    chosen.write_bytes(CONTENT[:-20])
    names = load_names(remote=RemoteFile(REFUSING, len(CONTENT), SHA256))
    assert names.source == f"file {chosen}"
    said = capsys.readouterr().err
    assert f"{len(CONTENT) - 20:,} bytes" in said
    assert f"{len(CONTENT):,} bytes" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected one name a line, got an empty file"),
        (b"\n", "expected one name a line, got an empty file"),
        (b" \r\n\t\n", "expected one name a line, got an empty file"),
        (b"\nzoe", "line 1: .* got an empty line"),
        (b"zoe\n\nava\n", "line 2: expected a lower-case name of a-z, got an empty line"),
        (b"zoe\nAva\n", "line 2: .* got 'Ava'"),
        (b"zoe ann\n", "line 1: .* got 'zoe ann'"),
        ("zoë\n".encode(), "line 1: .* got 'zoë'"),
        ("zoë\n".encode("latin-1"), "line 1: .* got 'zo�'"),
        (b"ada\nzo\x0ce", r"line 2: .* got 'zo\\x0ce'"),
        (b"zoe\nmary-ann", "line 2: .* got 'mary-ann'"),
        (b"zoe\nava.", "line 2: .* got 'ava.'"),
    ],
)
def test_chosen_file_with_anything_but_names_is_refused(chosen, content, message):
    chosen.write_bytes(content)
    advice = "set MAKEMORE_NAMES to a text file of one name a line, or unset it"
    with pytest.raises(ValueError, match=f"^MAKEMORE_NAMES is .*mine.txt: {message}.*; {advice}$"):
        load_names()


def test_missing_file_is_refused_and_nothing_else_is_tried(chosen, serve, tmp_path):
    server = serve(lambda handler, done: send(handler, CONTENT))
    with pytest.raises(FileNotFoundError) as raised:
        load_names(remote=server.remote, cache_dir=tmp_path)
    assert str(raised.value) == (
        f"MAKEMORE_NAMES is {chosen}, which cannot be read (No such file or directory): set "
        "MAKEMORE_NAMES to a text file of one name a line, or unset it"
    )
    assert server.requests == []


def test_folder_in_place_of_the_file_is_refused(chosen):
    chosen.mkdir()
    with pytest.raises(IsADirectoryError, match=r"mine\.txt, which cannot be read"):
        load_names()


# --- The cache and the download --------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_download_is_kept_and_serves_the_next_process(serve, tmp_path, capsys):
    server = serve(lambda handler, done: send(handler, CONTENT))
    cache = tmp_path / "a" / "cache"
    names = load_names(remote=server.remote, cache_dir=cache)
    assert names.source == "lecture's names.txt"
    assert names.sha256 == SHA256
    assert "\n".join(names).encode() == CONTENT
    assert contents(cache) == {"names.txt": CONTENT}
    said = capsys.readouterr().err.splitlines()[-1]  # after what pooch says
    assert said == "makemore3: 20,000 names, the lecture's names.txt"

    corpus._lecture_or_built_in.cache_clear()
    assert load_names(remote=server.remote, cache_dir=cache) == names
    assert server.requests == ["/names.txt"]


def test_progress_bar_runs_to_the_end_on_a_terminal(serve, tmp_path, monkeypatch, capsys):
    def answer(handler: BaseHTTPRequestHandler, done: threading.Event) -> None:
        # Compressed, there would be other bytes to count than those that are announced.
        assert handler.headers["Accept-Encoding"] == "identity"
        send(handler, CONTENT)

    server = serve(answer)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    names = load_names(remote=server.remote, cache_dir=tmp_path)
    assert names.source == "lecture's names.txt"
    assert "100%" in capsys.readouterr().err


def test_damaged_cache_is_replaced(serve, tmp_path):
    server = serve(lambda handler, done: send(handler, CONTENT))
    (tmp_path / "names.txt").write_bytes(CONTENT[:1000])
    assert load_names(remote=server.remote, cache_dir=tmp_path).source == "lecture's names.txt"
    assert contents(tmp_path) == {"names.txt": CONTENT}


def test_damaged_cache_is_not_used_when_the_download_fails_too(tmp_path):
    (tmp_path / "names.txt").write_bytes(CONTENT[:1000])
    remote = RemoteFile(REFUSING, len(CONTENT), SHA256)
    assert load_names(remote=remote, cache_dir=tmp_path).source == "built-in corpus"


def error_404(handler: BaseHTTPRequestHandler, done: threading.Event) -> None:
    handler.send_error(404)


def error_500(handler: BaseHTTPRequestHandler, done: threading.Event) -> None:
    handler.send_error(500)


def other_bytes(handler: BaseHTTPRequestHandler, done: threading.Event) -> None:
    send(handler, CONTENT.replace(b"emma", b"anna"))


def truncated(handler: BaseHTTPRequestHandler, done: threading.Event) -> None:
    send(handler, CONTENT[:1000])


def closing_half_way(handler: BaseHTTPRequestHandler, done: threading.Event) -> None:
    send(handler, CONTENT[: len(CONTENT) // 2], announced=len(CONTENT))
    handler.close_connection = True


def silent(handler: BaseHTTPRequestHandler, done: threading.Event) -> None:
    done.wait(30)
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (error_404, "404 Client Error"),
        (error_500, "500 Server Error"),
        (other_bytes, "does not match the known hash"),
        (truncated, "does not match the known hash"),
        (closing_half_way, "IncompleteRead"),
        (silent, "timed out"),
    ],
)
def test_failing_server_leads_to_the_built_in_corpus_once_and_soon(
    serve, tmp_path, capsys, answer, reason
):
    server = serve(answer)
    start = time.monotonic()
    names = load_names(remote=server.remote, cache_dir=tmp_path, patience=0.3)
    assert time.monotonic() - start < 3
    assert names.source == "built-in corpus"
    assert contents(tmp_path) == {}
    said = capsys.readouterr().err
    assert "the built-in corpus, as the download failed" in said
    assert reason in said

    assert load_names(remote=server.remote, cache_dir=tmp_path, patience=0.3) is names
    assert server.requests == ["/names.txt"]
    assert capsys.readouterr().err == ""


def test_refused_connection_leads_to_the_built_in_corpus_at_once(tmp_path, capsys):
    start = time.monotonic()
    names = load_names(remote=RemoteFile(REFUSING, 1, SHA256), cache_dir=tmp_path)
    assert time.monotonic() - start < 3
    assert names.source == "built-in corpus"
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"makemore3: {len(names):,} names, the built-in corpus, as the download failed "
        f"([Errno {errno.ECONNREFUSED}] Connection refused): expect other numbers than the "
        "lecture's, or set MAKEMORE_NAMES to a copy of its file"
    )


def test_unwritable_cache_is_said_and_the_download_serves_from_memory(serve, tmp_path, capsys):
    server = serve(lambda handler, done: send(handler, CONTENT))
    (tmp_path / "file").write_text("in the way")
    names = load_names(remote=server.remote, cache_dir=tmp_path / "file" / "cache")
    assert names.source == "lecture's names.txt"
    assert len(names) == 20_000
    assert capsys.readouterr().err.splitlines()[0] == (
        f"makemore3: cannot keep a download in {tmp_path / 'file' / 'cache'} (Not a directory): "
        "the next run downloads again"
    )
    assert contents(tmp_path) == {"file": b"in the way"}


def test_interrupted_write_leaves_no_copy(serve, tmp_path, monkeypatch):
    server = serve(lambda handler, done: send(handler, CONTENT))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.move", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_names(remote=server.remote, cache_dir=tmp_path)
    assert contents(tmp_path) == {}


def test_the_users_cache_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    (tmp_path / "makemore3").mkdir()
    (tmp_path / "makemore3" / "names.txt").write_bytes(CONTENT)
    names = load_names(remote=RemoteFile(REFUSING, len(CONTENT), SHA256))
    assert names.source == "lecture's names.txt"


# --- The built-in corpus ---------------------------------------------------------------------


def test_built_in_corpus_is_large_distinct_and_sorted(tmp_path):
    names = load_names(remote=RemoteFile(REFUSING, 1, SHA256), cache_dir=tmp_path)
    assert len(names) >= 4000
    assert list(names) == sorted(set(names))
    assert all(word.isascii() and word.isalpha() and word.islower() for word in names)
    assert set("".join(names)) == set("abcdefghijklmnopqrstuvwxyz")


def test_built_in_corpus_fills_all_three_splits(tmp_path):
    names = load_names(remote=RemoteFile(REFUSING, 1, SHA256), cache_dir=tmp_path)
    dataset = load_dataset(names)
    total = sum(len(word) + 1 for word in names)
    assert len(dataset.train) + len(dataset.dev) + len(dataset.test) == total
    assert len(dataset.train) / total == pytest.approx(0.8, abs=0.01)
    assert len(dataset.dev) / total == pytest.approx(0.1, abs=0.01)


# --- Vocabulary ------------------------------------------------------------------------------


def test_vocabulary_is_the_lectures():
    vocabulary = Vocabulary()
    assert vocabulary.size == 27
    assert vocabulary.encode(".az") == [0, 1, 26]
    assert vocabulary.decode([0, 1, 26]) == ".az"
    assert vocabulary.decode(torch.tensor([5, 13, 13, 1])) == "emma"


@given(st.text(alphabet=Vocabulary().characters))
def test_decode_undoes_encode(text):
    assert Vocabulary().decode(Vocabulary().encode(text)) == text


@pytest.mark.parametrize(("text", "culprit"), [("Emma", "E"), ("zoë", "ë"), ("a b", " ")])
def test_unknown_character_is_refused(text, culprit):
    with pytest.raises(ValueError, match=f"got '{culprit}' in '{text}'"):
        Vocabulary().encode(text)


@pytest.mark.parametrize("index", [-1, 27])
def test_index_out_of_range_is_refused(index):
    with pytest.raises(ValueError, match=f"expected indices from 0 to 26, got {index}"):
        Vocabulary().decode([1, index])


# --- Examples --------------------------------------------------------------------------------


def test_each_example_finds_its_context_among_the_different_ones():
    split = build_split(["anna", "hanna"], Vocabulary())
    contexts, which = split.contexts
    assert torch.equal(contexts[which], split.x)
    assert len(contexts) == len(set(map(tuple, split.x.tolist()))) < len(split)


def test_a_split_is_itself_and_no_other():
    split = build_split(["anna"], Vocabulary())
    assert split == split
    assert split != Split(split.x, split.y), "tensors cannot be compared as a whole"
    assert len({split, Split(split.x, split.y)}) == 2


def test_examples_of_one_name():
    vocabulary = Vocabulary()
    split = build_split(["emma"], vocabulary)
    shown = [
        (vocabulary.decode(x), vocabulary.decode([y]))
        for x, y in zip(split.x, split.y, strict=True)
    ]
    assert shown == [("...", "e"), ("..e", "m"), (".em", "m"), ("emm", "a"), ("mma", ".")]
    assert split.x.dtype == split.y.dtype == torch.int64


@given(
    st.lists(st.text(alphabet="abcxyz", min_size=1), min_size=1),
    st.integers(min_value=1, max_value=5),
)
def test_every_character_is_a_target_once(words, block_size):
    split = build_split(words, Vocabulary(), block_size=block_size)
    assert Vocabulary().decode(split.y) == "".join(word + "." for word in words)
    assert split.x.shape == (len(split), block_size)


@pytest.mark.parametrize(
    ("words", "block_size", "message"),
    [
        ([], 3, "needs at least one word"),
        (["emma"], 0, "block_size must be at least 1 character, got 0"),
        (["Emma"], 3, "got 'E' in 'Emma.'"),
    ],
)
def test_impossible_examples_are_refused(words, block_size, message):
    with pytest.raises(ValueError, match=message):
        build_split(words, Vocabulary(), block_size=block_size)


def names_of(count: int) -> Names:
    return Names(tuple("abcdefghijklmnopqrstuvwxyz"[:count]), "file test", "")


def test_too_few_names_for_three_splits_are_refused():
    with pytest.raises(ValueError, match="needs at least 6 names, got 5"):
        load_dataset(names_of(5))


@pytest.mark.parametrize("count", range(6, 27))
def test_each_name_is_in_one_split(count):
    dataset = load_dataset(names_of(count))
    parts = [Vocabulary().decode(split.y) for split in (dataset.train, dataset.dev, dataset.test)]
    assert all(parts)
    assert sorted("".join(parts).replace(".", "")) == list(names_of(count))


def test_names_are_a_sequence():
    names = names_of(3)
    assert (len(names), names[0], names[1:], "b" in names) == (3, "a", ("b", "c"), True)


def test_shuffle_seed_decides_the_split():
    def train(seed: int) -> list[int]:
        return load_dataset(names_of(26), shuffle_seed=seed).train.y.tolist()

    assert train(42) == train(42)
    assert train(42) != train(43)


def test_splits_tell_names_apart_that_train_has_too():
    words = tuple(a + b for a in string.ascii_lowercase for b in "aeiou")
    dataset = load_dataset(Names(words + words[::2], "made up", "0" * 64), block_size=4)
    assert dataset.block_size == 4
    build = partial(build_split, vocabulary=dataset.vocabulary, block_size=4)
    splits = dataset.splits()
    assert list(splits) == ["train", "dev", "test", "dev_seen", "dev_new", "test_seen", "test_new"]
    for name, split in (("train", dataset.train), ("dev", dataset.dev), ("test", dataset.test)):
        assert splits[name] is split
        assert torch.equal(build(dataset.words[name]).x, split.x)
        assert torch.equal(build(dataset.words[name]).y, split.y)
    known = set(dataset.words["train"])
    for name in ("dev", "test"):
        for part, seen in (("seen", True), ("new", False)):
            own = [word for word in dataset.words[name] if (word in known) is seen]
            assert torch.equal(splits[f"{name}_{part}"].x, build(own).x)
    assert list(load_dataset(names_of(26)).splits()) == ["train", "dev", "test"]


def test_distinct_names_are_split_with_all_their_copies():
    words = tuple(a + b for a in string.ascii_lowercase for b in "aeiou")
    names = Names(words + words[::2], "made up", "0" * 64)
    dataset = load_dataset(names, distinct=True)
    assert dataset.distinct
    assert not load_dataset(names).distinct
    parts = [set(part) for part in dataset.words.values()]
    assert [len(part) for part in parts] == [104, 13, 13]
    assert len(set.union(*parts)) == 130
    assert sorted(word for part in dataset.words.values() for word in part) == sorted(names)
    assert list(dataset.splits()) == ["train", "dev", "test"]
    once = load_dataset(Names(words, "made up", "0" * 64), distinct=True)
    assert torch.equal(once.train.x, load_dataset(once.names).train.x), "the lecture's split"


# --- The lecture's numbers -------------------------------------------------------------------


def test_splits_have_the_notebooks_sizes(lecture):
    dataset = load_dataset(lecture)
    assert len(lecture) == 32_033
    assert lecture[:3] == ("emma", "olivia", "ava")
    assert [len(split) for split in (dataset.train, dataset.dev, dataset.test)] == [
        182_625,
        22_655,
        22_866,
    ]


def test_one_dev_name_in_eight_is_a_training_name(lecture):
    dataset = load_dataset(lecture)
    sizes = {name: len(split) for name, split in dataset.splits().items()}
    assert sizes["dev_seen"] + sizes["dev_new"] == 22_655
    known = set(dataset.words["train"])
    seen = [word for word in dataset.words["dev"] if word in known]
    assert 1 / 9 < len(seen) / len(dataset.words["dev"]) < 1 / 7
    assert list(load_dataset(lecture, distinct=True).splits()) == ["train", "dev", "test"]


def test_first_minibatch_gives_the_notebooks_initial_loss(lecture):
    """The batch depends on the shuffle, the splits and the order of draws; so does 27.8817."""
    g = torch.Generator().manual_seed(2147483647)
    embedding = torch.randn((27, 10), generator=g)
    w1 = torch.randn((30, 200), generator=g)
    b1 = torch.randn(200, generator=g)
    w2 = torch.randn((200, 27), generator=g)
    b2 = torch.randn(27, generator=g)
    x, y = minibatch(load_dataset(lecture).train, 32, generator=g)
    logits = torch.tanh(embedding[x].view(32, 30) @ w1 + b1) @ w2 + b2
    assert round(F.cross_entropy(logits, y).item(), 4) == 27.8817


def test_minibatch_takes_matching_rows_with_replacement():
    split = Split(torch.arange(8)[:, None] * torch.ones(1, 3, dtype=torch.int64), torch.arange(8))
    x, y = minibatch(split, 100, generator=torch.Generator().manual_seed(1))
    assert x.shape == (100, 3)
    assert torch.equal(x[:, 0], y)
    assert set(y.tolist()) == set(range(8))
