import csv
import json

from click.testing import CliRunner

from passerelle.cli import main


def test_fit_writes_calibration_and_diagram(tmp_path, monkeypatch):
    import numpy as np

    from passerelle.quality.base import Finding
    from passerelle.quality.estimate import fitting

    chance = np.random.default_rng(1)
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "target", "accepted"])
        writer.writerows([f"{n}", "x", n % 2] for n in range(100))

    class Parity:
        name, signature = "parity", "parity 1"

        def assess(self, pairs):
            return [Finding(int(pair.source) % 2 * 0.5 + chance.random() * 0.7) for pair in pairs]

    monkeypatch.setattr(fitting, "build_checks", lambda *_: [Parity()])
    monkeypatch.setenv("PASSERELLE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "mine.json"
    done = CliRunner().invoke(main, ["quality", "fit", str(tmp_path / "labels.csv"), "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (
        told["pairs"] == 100 and told["by_check"][0]["check"] == "parity" and told["checks"] == {"parity": "parity 1"}
    )
    assert json.loads(out.read_text())["provenance"]["labels"] == "accepted: as the file says"
    assert "estimated to be accepted" in (tmp_path / "mine.svg").read_text()


def test_labels_or_default_but_not_both(tmp_path):
    for arguments in ([], [str(tmp_path / "x.csv"), "--default"]):
        done = CliRunner().invoke(main, ["quality", "fit", *arguments])
        assert done.exit_code == 2 and "either a file of LABELS or --default" in done.stderr
