"""Small inputs for every command, and what the commands make of them; the same for the same seed."""

import hashlib
import json
import random
import shutil
from pathlib import Path

import numpy as np
from debian_release import LISTS
from static_models import ENGLISH, tiny_table

SEED = 20261130
LANGUAGES = ["en", "de"]
GERMAN = {
    "sort": "sortieren",
    "file": "Datei",
    "list": "Liste",
    "image": "Bild",
    "mail": "Post",
    "music": "Musik",
}
DEBIAN_OPTIONS = ["--lists", LISTS, "--dev", 3, "--test", 5]


def words(draw, count):
    return " ".join(draw.choice(ENGLISH) for _ in range(count))


def passages(seed, count=400):
    draw = random.Random(f"{SEED} passages {seed}")
    return [
        {
            "_id": f"d{number}",
            "title": words(draw, 2),
            "text": words(draw, 12),
            "language": LANGUAGES[number % 2],
        }
        for number in range(count)
    ]


def write_jsonl(path, records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")


class Material:
    """Files for commands; those that differ by variant make an old and a new output.

    Args:
        folder: Where all goes.
        server: Runs the commands.
    """

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        self.model = folder / "model"
        self.corpus = folder / "corpus-0.jsonl"
        self.lexicon_fixtures = LISTS.parent / "lexicons"
        self.debian_lists = LISTS
        tiny_table().encoder().save(self.model)
        for variant in (0, 1):
            self._write_variant(variant)
        lines = [f"{source}\t{target}\t1\n" for source, target in GERMAN.items()]
        self.lexicon = self.write("en-de.tsv", "".join(lines))
        self.named_lexicon = f"en-de={self.lexicon}"
        for variant in (0, 1):
            more = [f"word{number}\tWort{number + variant}\t0.5\n" for number in range(3000)]
            self.write(f"lexicon-{variant}.tsv", "".join(lines + more))
        draw = random.Random(f"{SEED} queries")
        queries = [{"_id": f"q{number}", "text": words(draw, 3)} for number in range(40)]
        pairs = [(query["_id"], f"d{draw.randrange(200)}") for query in queries]
        self.beir = folder / "beir"
        (self.beir / "qrels").mkdir(parents=True)
        write_jsonl(self.beir / "corpus.jsonl", [self._without_language(one) for one in passages(0, 200)])
        write_jsonl(self.beir / "queries.jsonl", queries)
        judgements = "".join(f"{query}\t{passage}\t1\n" for query, passage in pairs)
        for split in ("train", "test"):
            (self.beir / "qrels" / f"{split}.tsv").write_text(
                f"query-id\tcorpus-id\tscore\n{judgements}", "utf-8"
            )
        self.qrels = self.write("test.qrels", "".join(f"{query} 0 {passage} 1\n" for query, passage in pairs))
        write_jsonl(folder / "queries.jsonl", queries)
        self.write("queries.tsv", "".join(f"{query['_id']}\t{query['text']}\n" for query in queries))
        for variant in (0, 1):
            lines = []
            for query in queries:
                places = np.random.default_rng([SEED, variant, int(query["_id"][1:])]).permutation(200)[:50]
                lines += [f"{query['_id']} Q0 d{place} {rank} {50 - rank} system{variant}\n"
                          for rank, place in enumerate(places, start=1)]  # fmt: skip
            self.write(f"system-{variant}.run", "".join(lines))
            self.must("eval", "--run", folder / f"system-{variant}.run", "--qrels", self.qrels,
                      "--name", f"system{variant}", "--json", folder / f"result-{variant}.json")  # fmt: skip

    @staticmethod
    def _without_language(record):
        return {name: value for name, value in record.items() if name != "language"}

    def _write_variant(self, variant):
        records = passages(variant)
        write_jsonl(self.folder / f"corpus-{variant}.jsonl", records)
        write_jsonl(
            self.folder / f"english-{variant}.jsonl",
            [self._without_language(one) for one in passages(variant, 9000)],
        )
        draw = np.random.default_rng([SEED, variant])
        np.save(self.folder / f"vectors-{variant}.npy", draw.normal(size=(3000, 16)).astype(np.float32))
        self.write(f"ids-{variant}.txt", "".join(f"v{variant}-{number}\n" for number in range(3000)))
        self.write("languages.txt", "".join(f"{LANGUAGES[number % 2]}\n" for number in range(3000)))

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def must(self, *arguments, server=None, **options):
        """Run a command that has to succeed."""
        outcome = (server or self.server).run(*arguments, **options)
        assert outcome.status == 0, (arguments, outcome.status, outcome.err)
        return outcome

    def lists_with(self, path, name):
        """Return a folder of Debian's lists in which one is another."""
        folder = path.parent / "lists"
        folder.mkdir()
        for one in LISTS.iterdir():
            (folder / one.name).symlink_to(path if one.name == name else one)
        return folder

    def text_index(self, variant):
        """Return an index of texts."""
        folder = self.folder / f"text-index-{variant}"
        if not folder.exists():
            self.must(
                "index", self.folder / f"corpus-{variant}.jsonl", "--model", self.model, "--output", folder
            )
        return folder

    def vector_index(self, variant):
        """Return an index of vectors."""
        folder = self.folder / f"vector-index-{variant}"
        if not folder.exists():
            self.must("vectors", "build", self.folder / f"vectors-{variant}.npy", "--output", folder)
        return folder

    def make_transformer(self, server):
        """Make the folder of a tiny sentence-transformers encoder."""
        folder = self.transformer()
        if not folder.exists():
            code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path
from transformer_models import tiny_encoder
tiny_encoder(Path({str(folder)!r}))
"""
            outcome = server.run(code=code, limit=300)
            assert outcome.status == 0, outcome.err

    def transformer(self):
        """Return the folder of a tiny sentence-transformers encoder."""
        return self.folder / "transformer"


def bytes_of(path):
    """Return a digest of a file, or of all files of a folder with their names; None where there is nothing."""
    if path.is_dir():
        return {
            one.relative_to(path).as_posix(): bytes_of(one)
            for one in sorted(path.rglob("*"))
            if one.is_file()
        }
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def remove(path):
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def copy(source, target):
    """Copy a file or a folder to a place where there is none."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
